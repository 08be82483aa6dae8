//go:build linux

package proctree

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Exit is how a child has ended.
type Exit struct {
	PID    int
	Status unix.WaitStatus
}

// Stopped says that the child was stopped (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU) and has not ended.
func (e Exit) Stopped() bool { return e.Status.Stopped() }

// Reap collects every child of the caller that has ended, and says whether
// the caller has no child left (ECHILD). For a subreaper that is the proof that
// no descendant is left: every orphan below it would be its child. Children of
// every kind are waited for, those too that clone(2) made without SIGCHLD. It never blocks.
//
// It takes the exit status of all children: nothing else in the process may wait for one.
func Reap() (exits []Exit, empty bool, err error) { return collect(unix.WNOHANG) }

func collect(options int) (exits []Exit, empty bool, err error) {
	for {
		exit, empty, err := wait(options)
		if err != nil || empty {
			return exits, empty, err
		}
		if exit.PID == 0 {
			return exits, false, nil
		}
		exits = append(exits, exit)
	}
}

// Watch is [Reap] that also tells which children were stopped, once for each time.
func Watch() (exits []Exit, empty bool, err error) { return collect(unix.WNOHANG | unix.WUNTRACED) }

// WaitOne blocks until a child ends; otherwise it is like [Reap].
func WaitOne() (exit Exit, empty bool, err error) { return wait(0) }

// WatchOne blocks until a child ends or is stopped.
func WatchOne() (exit Exit, empty bool, err error) { return wait(unix.WUNTRACED) }

func wait(options int) (exit Exit, empty bool, err error) {
	for {
		pid, err := unix.Wait4(-1, &exit.Status, options|unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return Exit{}, true, nil
		case err != nil:
			return Exit{}, false, fmt.Errorf("wait for a child: %w", err)
		default:
			exit.PID = pid
			return exit, false, nil
		}
	}
}
