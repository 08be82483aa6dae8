//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// The exit codes besides 0, settings.ExitUsage, and those of a child.
const (
	ExitFailed      = 1
	ExitUnavailable = 69
	ExitMachine     = 71
	ExitTimeout     = 75
	ExitHeld        = 77
	ExitLost        = 88
)

// Exit is the end of the program with a code; Err, if any, is shown.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// errTimeout is the cause of waiting that took as long as it was allowed to. What it waited for says [mongolock.WaitError].
var errTimeout = errors.New("timed out")

// CodeOf is the exit code of an error.
func CodeOf(err error) int {
	var (
		e       *Exit
		usage   *settings.Error
		manual  *bucket.ManualJob
		held    *mongolock.HeldError
		done    *mongolock.DoneError
		waited  *mongolock.WaitError
		format  *mongolock.FormatError
		isUsage = errors.As(err, &usage) || errors.As(err, &manual) || errors.Is(err, mongolock.ErrConfig) || errors.Is(err, statedir.ErrBudget)
	)
	switch {
	case errors.As(err, &e):
		return e.Code
	case isUsage:
		return settings.ExitUsage
	case errors.As(err, &waited) && waited.Store != nil:
		return ExitUnavailable
	case ofMachine(err):
		return ExitMachine
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded) && errors.As(err, &waited):
		return ExitTimeout
	case errors.As(err, &held), errors.As(err, &done), errors.Is(err, mongolock.ErrNoLock), errors.Is(err, mongolock.ErrNotHeld):
		return ExitHeld
	case errors.Is(err, mongolock.ErrLost):
		return ExitLost
	case errors.As(err, &format):
		return ExitUnavailable
	}
	return ExitUnavailable
}

// lostLock names the lock, unless the reason does.
func lostLock(key string, reason error) error {
	if lost := new(mongolock.LostError); errors.As(reason, &lost) && lost.Key == key {
		return reason
	}
	return fmt.Errorf("lock %q lost: %w", key, reason)
}

// ofMachine is true for what this machine lacks, and for files of it that cannot be read or written.
func ofMachine(err error) bool {
	var (
		path *fs.PathError
		link *os.LinkError
		dial *net.OpError
	)
	return lacks(err) || (errors.As(err, &path) || errors.As(err, &link)) && !errors.As(err, &dial)
}

// lacks is true where descriptors, memory or room on a disk are used up.
func lacks(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}
