//go:build linux

package podworkload

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/pkg/gate"
)

// hearing is a twin that notes what it is told.
type hearing struct {
	all  []string
	when func(what string) // before it is noted
}

func (h *hearing) note(what string) {
	if h.when != nil {
		h.when(what)
	}
	h.all = append(h.all, what)
}

func (h *hearing) Held(at time.Duration)     { h.note(fmt.Sprint("held ", at)) }
func (h *hearing) Stopping(at time.Duration) { h.note(fmt.Sprint("stopping ", at)) }
func (h *hearing) Shut()                     { h.note("shut") }
func (*hearing) Await(time.Duration) error   { return nil }
func (*hearing) Beat() error                 { return nil }

// hooked is a clock that lets something happen when it is looked at next.
type hooked struct{ next func() }

func (c *hooked) Now() time.Duration {
	if next := c.next; next != nil {
		c.next = nil
		next()
	}
	return time.Minute
}

// newTold is a workload that nobody looks at but the test, and what its twin hears.
func newTold(is phase) (*Workload, *hearing, *hooked) {
	twin, clock := &hearing{}, &hooked{}
	cfg := Config{Twin: twin, Clock: clock, Log: logr.Discard(), Leave: func() {}, Budget: gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}}
	w := &Workload{cfg: cfg, broken: make(chan error, 1), gone: make(chan gate.Ended, 1), wake: make(chan struct{}, 1)}
	w.phase = is
	return w, twin, clock
}

// The lock is won while what ran before this gate is being stopped: the twin hears of that first, and of the lease last. It would
// forget the deadline else, or kill the workload of a gate that is open.
func TestTwinHearsOfTheLeaseLast(t *testing.T) {
	grant := gate.Grant{Token: 1, Deadline: time.Hour}
	t.Run("its time to stop is over", func(t *testing.T) {
		w, twin, clock := newTold(leaving)
		clock.next = func() { w.Start(grant) }
		w.look()
		if want := []string{"held 1h0m0s"}; !slices.Equal(twin.all, want) {
			t.Errorf("the twin heard %q, want %q", twin.all, want)
		}
	})
	t.Run("its lease is over", func(t *testing.T) {
		w, twin, _ := newTold(beside)
		begun, won := make(chan struct{}), make(chan struct{})
		twin.when = func(what string) {
			if what == "held 1h0m0s" {
				close(begun)
				return
			}
			go func() {
				w.Start(grant)
				close(won)
			}()
			if w.mu.TryLock() { // nothing keeps the gate from opening meanwhile
				w.mu.Unlock()
				<-begun
				<-won
			}
		}
		w.stopBeside()
		<-won
		if want := []string{"stopping 0s", "held 1h0m0s"}; !slices.Equal(twin.all, want) {
			t.Errorf("the twin heard %q, want %q", twin.all, want)
		}
	})
}

// A renewal or a loss in the moment in which there is evidence that nothing is left gives the twin no deadline to keep.
func TestTwinHearsNothingAfterTheEvidence(t *testing.T) {
	w, twin, _ := newTold(open)
	w.Stop()
	w.cfg.Status = ended{}
	w.look()
	w.Extend(time.Hour)
	w.Warn("lost")
	if want := []string{"shut"}; !slices.Equal(twin.all, want) {
		t.Errorf("the twin heard %q, want %q", twin.all, want)
	}
}

// ended is a pod of which everything has ended.
type ended struct{}

func (ended) Ended() bool { return true }
func (ended) Final() bool { return true }
