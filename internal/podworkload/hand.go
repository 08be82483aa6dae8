//go:build linux

package podworkload

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mongogate/mongogate/internal/proctree"
)

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
