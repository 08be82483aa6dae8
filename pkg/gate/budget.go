package gate

import (
	"errors"
	"fmt"
	"time"
)

// Budget is the time kept back for stopping the workload when the lease is lost.
type Budget struct {
	// Kill is the whole budget: within it after the loss every process of the workload is gone.
	Kill time.Duration
	// KillAfter is the time from SIGTERM to SIGKILL, at most three quarters
	// of Kill, so that the kernel has time to end what was killed.
	KillAfter time.Duration
}

// Validate reports every inequality that does not hold.
func (b Budget) Validate() error {
	var errs []error
	if b.Kill <= 0 {
		errs = append(errs, fmt.Errorf("kill budget %v: must be positive", b.Kill))
	}
	if b.KillAfter < 0 {
		errs = append(errs, fmt.Errorf("kill after %v: must not be negative", b.KillAfter))
	}
	if b.KillAfter > b.Kill*3/4 {
		errs = append(errs, fmt.Errorf("kill after %v > ¾ × kill budget %v = %v: the workload could outlive the lease", b.KillAfter, b.Kill, b.Kill*3/4))
	}
	return errors.Join(errs...)
}
