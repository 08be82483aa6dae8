//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/internal/holder"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

// The exit codes besides 0, config.ExitUsage, and those of a child.
const (
	exitFailed      = 1
	exitUnavailable = 69
	exitMachine     = 71
	exitTimeout     = 75
	exitHeld        = 77
	exitLost        = 88
)

// exit ends the program with a code; err, if any, is shown.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// report shows an error, one line for each problem, and gives its exit code. No text of others begins a line.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := codeOf(err)
	var e *exit
	if errors.As(err, &e) && e.err == nil {
		return code
	}
	for _, line := range linesOf(err) {
		fmt.Fprintln(stderr, "mongogate:", printable.Text(line, printable.Message))
	}
	return code
}

// linesOf are the problems that an error joins, or the error. A line end in the text of one of them was
// written by somebody else: a server, whoever named an owner.
func linesOf(err error) []string {
	if e, ok := err.(*exit); ok && e.err != nil { //nolint:errorlint // this one, not one inside
		return linesOf(e.err)
	}
	var settings *config.Error
	if errors.As(err, &settings) && settings.Error() == err.Error() {
		var all []string
		for _, p := range settings.Problems {
			all = append(all, p.String())
		}
		return all
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	var all, parts []string
	for _, part := range joined.Unwrap() {
		all = append(all, linesOf(part)...)
		parts = append(parts, part.Error())
	}
	if err.Error() != strings.Join(parts, "\n") { // it says more than its parts
		return []string{err.Error()}
	}
	return all
}

func codeOf(err error) int {
	var (
		e       *exit
		usage   *config.Error
		manual  *bucket.ManualJob
		held    *mongolock.HeldError
		done    *mongolock.DoneError
		waited  *mongolock.WaitError
		format  *mongolock.FormatError
		isUsage = errors.As(err, &usage) || errors.As(err, &manual) || errors.Is(err, mongolock.ErrConfig) || errors.Is(err, statedir.ErrBudget)
	)
	switch {
	case errors.As(err, &e):
		return e.code
	case isUsage:
		return config.ExitUsage
	case errors.As(err, &waited) && waited.Store != nil:
		return exitUnavailable
	case ofMachine(err):
		return exitMachine
	case errors.Is(err, holder.ErrTimeout), errors.Is(err, context.DeadlineExceeded) && errors.As(err, &waited):
		return exitTimeout
	case errors.As(err, &held), errors.As(err, &done), errors.Is(err, mongolock.ErrNoLock):
		return exitHeld
	case errors.Is(err, mongolock.ErrLost):
		return exitLost
	case errors.As(err, &format):
		return exitUnavailable
	}
	return exitUnavailable
}

// lostLine names the lock, unless the reason does.
func lostLine(key, reason string) string {
	if strings.Contains(reason, strconv.Quote(key)) {
		return reason
	}
	return fmt.Sprintf("lock %q lost: %s", key, reason)
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
