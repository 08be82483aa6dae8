//go:build linux

package agent

import (
	"errors"
	"time"
)

var errHangs = errors.New("the file system does not answer")

// within waits for a write to the state directory, but not longer than for a
// call to the store: the end of a lease does not wait for a file system that hangs. What hangs ends with the process.
func within(most time.Duration, write func() error) error {
	done := make(chan error, 1)
	go func() { done <- write() }()
	select {
	case err := <-done:
		return err
	case <-time.After(most):
		return errHangs
	}
}
