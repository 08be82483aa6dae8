//go:build linux

package scenario

import (
	"sync"
	"time"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/witness"
)

// Renewals knows when the holder in a namespace was last told that it holds:
// the proxy in front of the database sees every answer that is delivered. It is
// for namespaces with one gate that acquires and renews.
type Renewals struct {
	s *Scenario

	mu   sync.Mutex
	sent []time.Time
}

// Renewals begins to note them.
func (s *Scenario) Renewals(space *kube.Space) *Renewals {
	r := &Renewals{s: s}
	space.DB.OnAnswer(func(command string, arrived time.Time) {
		if command != "findAndModify" {
			return
		}
		r.mu.Lock()
		r.sent = append(r.sent, arrived)
		r.mu.Unlock()
	})
	return r
}

// Before is when the last acknowledged request arrived at the proxy before an
// instant: a little later than it was sent, which is what the lease counts from.
func (r *Renewals) Before(at time.Time) time.Time {
	r.s.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var last time.Time
	for _, sent := range r.sent {
		if sent.After(last) && sent.Before(at) {
			last = sent
		}
	}
	if last.IsZero() {
		r.s.Fatal("the holder's lease was never acknowledged")
	}
	return last
}

// InTime fails the test if a run that is gone lived longer than the lease of
// which its gate knew: ttl less the margin for clocks, from the last acknowledged
// renewal. Nobody else may hold before that, whatever the gate could see and do.
func (r *Renewals) InTime(run witness.Run) {
	r.s.Helper()
	last := r.Before(run.Seen)
	end := last.Add(r.s.Timing.TTL - r.s.Timing.Drift())
	r.s.Logf("main was gone %v before its lease ended", end.Sub(run.Gone).Round(time.Millisecond))
	if run.Seen.After(end) {
		r.s.Errorf("UNSAFE: main was seen %v after the last renewal that was acknowledged; its lease had ended after %v: %v",
			run.Seen.Sub(last), end.Sub(last), run)
	}
}

// Watched fails the test if a successor ran before it can have watched the whole
// lease of a holder that fell silent: then something released that lease.
func (r *Renewals) Watched(run, successor witness.Run) {
	r.s.Helper()
	last := r.Before(run.Seen)
	if waited := successor.Start.Sub(last); waited < r.s.Timing.Silence() {
		r.s.Errorf("UNSAFE: the successor ran %v after the last renewal of a holder that never released: it cannot have watched the lease for ttl + grace = %v",
			waited, r.s.Timing.Silence())
	}
}
