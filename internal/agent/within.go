//go:build linux

package agent

import (
	"errors"
	"time"
)

var errHangs = errors.New("the file system does not answer")

// within does something, but waits no longer than most: neither a loss nor the end of a lease or a session waits for a file
// system that hangs. What hangs ends with the process.
func within(most time.Duration, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(most):
		return errHangs
	}
}
