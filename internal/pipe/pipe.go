//go:build linux

// Package pipe writes to pipes and reads from them without waiting. Two processes that watch over each other talk by it:
// neither may wait for the other.
//
// Promised: neither call blocks; what fits into [Size] arrives in one piece or not at all. Not promised: that anybody reads.
// Whoever needs to know that has to be answered.
package pipe

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// Size is how much a pipe takes in one piece (PIPE_BUF, pipe(7)).
const Size = 4096

// Send writes to a non-blocking pipe. A full one takes nothing, and the error is [unix.EAGAIN].
func Send(fd int, b []byte) error {
	for {
		if _, err := unix.Write(fd, b); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Drain reads all that is in a non-blocking pipe. The error is [io.EOF] once nobody can write any more; what was read
// before is valid all the same.
func Drain(fd int) ([]byte, error) {
	var (
		all []byte
		buf [Size]byte
	)
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return all, nil
		case err != nil:
			return all, err
		case n == 0:
			return all, io.EOF
		default:
			all = append(all, buf[:n]...)
		}
	}
}
