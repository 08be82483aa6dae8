//go:build linux

package proctree

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process has ended; its id may already be another's.
var ErrGone = errors.New("the process has ended")

// Signal sends sig to this very process, never to a later one with the same
// id: a pidfd is taken, then the start time is looked at again, then the
// signal goes through the pidfd. [ErrGone] means that it has ended; a zombie
// takes signals without an error.
func (p Process) Signal(sig syscall.Signal) error {
	err := p.signalPidfd(sig)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, errNoPidfd) {
		err = p.signalPID(sig)
	}
	if errors.Is(err, unix.ESRCH) {
		err = ErrGone
	}
	if err != nil {
		return fmt.Errorf("signal %d to process %d: %w", int(sig), p.PID, err)
	}
	return nil
}

// errNoPidfd: the call itself is denied, by a seccomp profile older than it.
var errNoPidfd = errors.New("pidfd_open is not permitted")

func (p Process) signalPidfd(sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.EPERM) { // pidfd_open itself asks for no permission
		return errNoPidfd
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := p.check(); err != nil {
		return err
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// signalPID is for kernels before 5.3 and sandboxes without pidfds. Between
// the look and the signal the id would have to be freed and come round again.
func (p Process) signalPID(sig syscall.Signal) error {
	if err := p.check(); err != nil {
		return err
	}
	return unix.Kill(p.PID, sig)
}

// check says whether the id still belongs to this process.
func (p Process) check() error {
	now, err := Look(p.PID)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && now.Start != p.Start:
		return ErrGone
	default:
		return err // for want of a file it may live
	}
}
