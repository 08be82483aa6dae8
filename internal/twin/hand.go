//go:build linux

package twin

import (
	"syscall"
	"time"
)

// Hand is what a plan is carried out with.
type Hand interface {
	// Warn writes the sentinel.
	Warn(reason string) error
	// Signal signals all of the workload that is seen.
	Signal(sig syscall.Signal) error
	// None is nil where nothing of the workload is left.
	None() error
}

// carryOut stops the workload. From is the instant from which the kill budget is counted.
func (t *twin) carryOut(reason string, from time.Duration) {
	p := t.plan
	killAt, end := from+p.KillAfter, from+p.Budget
	if t.last != nil {
		now := t.clock.Now()
		// Stopped again in the middle of it, it goes on; should that not help, its end is the container's.
		_ = t.last.Set(now+time.Second, max(end, now)+5*time.Second)
	}
	written := make(chan error, 1)
	go func() { written <- t.hand.Warn(reason) }() // a file system that hangs holds up nothing else; it ends with the process
	select {
	case err := <-written:
		t.complain(err)
	case <-time.After(max(p.KillAfter/4, 100*time.Millisecond)):
	}
	if !p.Kill {
		return
	}
	if t.clock.Now() < killAt {
		t.complain(t.hand.Signal(syscall.SIGTERM))
	}
	for t.clock.Now() < killAt && t.hand.None() != nil {
		t.pause(min(p.Scan, killAt-t.clock.Now()))
	}
	for t.hand.None() != nil {
		t.complain(t.hand.Signal(syscall.SIGKILL))
		if t.clock.Now() >= end {
			return // what the kernel cannot end: whoever begins anew goes on
		}
		t.pause(10 * time.Millisecond)
	}
}

// pause waits, and reaps meanwhile.
func (t *twin) pause(d time.Duration) {
	time.Sleep(max(d, time.Millisecond))
	t.reap()
}
