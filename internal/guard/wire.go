//go:build linux

package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// record is what the pipes carry. Its size divides the size of every read and
// is below PIPE_BUF, so that none is ever torn. Both ends are one binary on one
// machine: no version, native byte order.
type record struct {
	Kind  kind
	Seq   uint64 // of control records; a confirmation repeats the newest
	Value int64
}

const recordSize = 24

type kind uint64

// Control records, gate to guard.
const (
	kindDeadline  kind = iota + 1 // Value: nanoseconds on CLOCK_BOOTTIME
	kindTerminate                 // SIGTERM to the tree now
	kindKill                      // SIGKILL to the tree from now on
	kindForward                   // Value: a signal for the command's main process
)

// Status records, guard to gate.
const (
	kindConfirmed kind = iota + 101 // Seq
	kindStarted                     // Value: the command's process id
	kindFailed                      // Value: the errno that kept the command from starting
	kindExited                      // Value: the wait status of the command's main process
	kindStopping                    // Value: a reason; the guard stops the tree on its own
	kindStopped                     // Value: the process id of a command that was stopped; Seq: by which signal
	kindEmpty                       // the last one: no process is left
)

// Reasons of kindStopping.
const (
	reasonDeadline int64 = iota + 1
	reasonGateGone
)

func (r record) bytes() ([]byte, error) {
	return binary.Append(make([]byte, 0, recordSize), binary.NativeEndian, r)
}

// decode cuts what one read brought into records.
func decode(b []byte) ([]record, error) {
	if len(b)%recordSize != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of records", len(b))
	}
	records := make([]record, len(b)/recordSize)
	if _, err := binary.Decode(b, binary.NativeEndian, records); err != nil {
		return nil, err
	}
	return records, nil
}

// send writes to a non-blocking pipe. A full pipe (EAGAIN) takes nothing: the
// missing confirmation will tell.
func send(fd int, r record) error {
	b, err := r.bytes()
	if err != nil {
		return err
	}
	for {
		_, err := unix.Write(fd, b)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// drain reads all that is in a non-blocking pipe. The error is [io.EOF] once
// nobody can write any more; the records read before it are valid all the same.
func drain(fd int) ([]record, error) {
	var all []record
	buf := make([]byte, 64*recordSize)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return all, nil
		case err != nil:
			return all, fmt.Errorf("read the control pipe: %w", err)
		case n == 0:
			return all, io.EOF
		}
		records, err := decode(buf[:n])
		all = append(all, records...)
		if err != nil {
			return all, fmt.Errorf("read the control pipe: %w", err)
		}
	}
}
