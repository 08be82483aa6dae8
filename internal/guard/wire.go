//go:build linux

package guard

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mongogate/mongogate/internal/pipe"
)

// record is what the pipes carry. It is smaller than PIPE_BUF and pipes are read until they are empty, so that none is
// ever torn. Both ends are one binary on one machine: no version, native byte order.
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

// decode cuts what was read into records. What comes before a torn one is valid.
func decode(b []byte) ([]record, error) {
	records := make([]record, len(b)/recordSize)
	if _, err := binary.Decode(b, binary.NativeEndian, records); err != nil {
		return nil, err
	}
	if len(b)%recordSize != 0 {
		return records, fmt.Errorf("%d bytes are no whole number of records", len(b))
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
	return pipe.Send(fd, b)
}

// drain reads all records that are in a non-blocking pipe. The error is [io.EOF] once
// nobody can write any more; the records read before it are valid all the same.
func drain(fd int) ([]record, error) {
	b, err := pipe.Drain(fd)
	records, torn := decode(b)
	if err == nil {
		err = torn
	}
	if err == nil || err == io.EOF { //nolint:errorlint // the very error
		return records, err
	}
	return records, fmt.Errorf("read the control pipe: %w", err)
}
