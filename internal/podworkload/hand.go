//go:build linux

package podworkload

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
)

// Twin is a second process that does what the fence says should this one be dead or frozen. Only Await waits for it.
type Twin interface {
	// Held says until when the workload may run.
	Held(deadline time.Duration)
	// Stopping says that the workload is being stopped, and will have been killed at an instant.
	Stopping(killAt time.Duration)
	// Await waits, no longer than within, until the twin has confirmed what it was told.
	Await(within time.Duration) error
	// Shut says that nothing of the workload may run.
	Shut()
	// Beat says that this process lives, and fails once the twin does not answer.
	Beat() error
}

// alone is a gate without a twin.
type alone struct{}

func (alone) Held(time.Duration)        {}
func (alone) Stopping(time.Duration)    {}
func (alone) Await(time.Duration) error { return nil }
func (alone) Shut()                     {}
func (alone) Beat() error               { return nil }

// Hand does to the workload what a [Workload] does, for who has no gate.
type Hand struct {
	sentinels []*sentinel
	targets   *targets
}

// NewHand looks at the process namespace if the workload is to be killed. The sentinels are files, which may be none.
func NewHand(sentinels []string, kill bool, spare []string) (*Hand, error) {
	h := &Hand{}
	for _, path := range sentinels {
		h.sentinels = append(h.sentinels, &sentinel{path: path})
	}
	if !kill {
		return h, nil
	}
	t, err := newTargets(spare...)
	if err != nil {
		return nil, fmt.Errorf("protection kill: %w", err)
	}
	h.targets = t
	return h, nil
}

// Warn writes the sentinels.
func (h *Hand) Warn(reason string) error {
	var errs []error
	for _, s := range h.sentinels {
		errs = append(errs, s.writer(reason)())
	}
	return errors.Join(errs...)
}

// Signal signals all of the workload that is seen.
func (h *Hand) Signal(sig syscall.Signal) error {
	if h.targets == nil {
		return nil
	}
	return h.targets.signal(sig)
}

// None is nil where nothing of the workload is left.
func (h *Hand) None() error {
	if h.targets == nil {
		return ErrNotShared
	}
	return h.targets.none()
}

// signal signals all of the workload that is seen.
func (t *targets) signal(sig syscall.Signal) error {
	list, err := t.find()
	errs := []error{err}
	for _, p := range list {
		if err := signalOne(p, sig); err != nil {
			errs = append(errs, fmt.Errorf("%v to process %d: %w", sig, p.PID, err))
		}
	}
	return errors.Join(errs...)
}

func signalOne(p proctree.Process, sig syscall.Signal) error {
	err := p.Signal(sig)
	if err == nil && sig == syscall.SIGTERM {
		err = p.Signal(syscall.SIGCONT) // what is stopped does not hear SIGTERM
	}
	if gone(err) {
		return nil
	}
	return err
}
