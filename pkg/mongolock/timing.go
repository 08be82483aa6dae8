package mongolock

import (
	"errors"
	"fmt"
	"time"
)

// MinTTL is the shortest time to live that is accepted without
// [Timing.AllowShort]. With the server's defaults an election after the death of
// a primary leaves 11 to 15 s without an acknowledgement: a lease of 30 s lives
// through that, one of 20 s not always (docs/use/database.md has what was measured).
const MinTTL = 5 * time.Second

// maxSpan is the longest time that is computed with, in options and in
// documents: sums of a few of them do not overflow.
const maxSpan = 30 * 365 * 24 * time.Hour

// Timing is the arithmetic of a lease. The zero value of each field but TTL
// is derived from TTL, whose own zero value means 30 s.
type Timing struct {
	// TTL is how long a lease lives after the last acknowledged renewal was sent.
	TTL time.Duration
	// Heartbeat is the time from one renewal to the next; TTL/6.
	Heartbeat time.Duration
	// Operation is the deadline of each call to the store; TTL/5.
	Operation time.Duration
	// KillBudget is kept back at the end of a lease for stopping the work; TTL/6.
	KillBudget time.Duration
	// Grace is what challengers wait beyond TTL; TTL/6.
	Grace time.Duration
	// AllowShort accepts a TTL below [MinTTL]: for tests.
	AllowShort bool
}

// WithDefaults fills in what is zero.
func (t Timing) WithDefaults() Timing {
	fill := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	fill(&t.TTL, 30*time.Second)
	fill(&t.Heartbeat, t.TTL/6)
	fill(&t.Operation, t.TTL/5)
	fill(&t.KillBudget, t.TTL/6)
	fill(&t.Grace, t.TTL/6)
	return t
}

// Drift is the margin for clocks that run at different rates: 1 % of TTL.
func (t Timing) Drift() time.Duration { return t.TTL / 100 }

// Deadline is the instant at which the work must begin to stop, for a request
// that was sent at sent and acknowledged.
func (t Timing) Deadline(sent time.Duration) time.Duration {
	return sent + t.TTL - t.KillBudget - t.Drift()
}

// Outage is how long the store may be out of reach, in whatever way, without
// the loss of a lease: what is left between the first renewal that is due and the deadline,
// less half an operation, for a call that has begun before the end of the outage may get no answer any more.
func (t Timing) Outage() time.Duration { return t.Deadline(0) - t.Heartbeat - t.Operation/2 }

// Silence is how long a challenger must see a holder of this timing stand still.
func (t Timing) Silence() time.Duration { return t.TTL + t.Grace }

// TimingFault says which part of a [Timing] is wrong.
type TimingFault string

// What can be wrong with a [Timing].
const (
	FaultRange TimingFault = "range" // a part is not positive, too short or too long to count with
	FaultShort TimingFault = "short" // TTL is below [MinTTL]
	FaultSum   TimingFault = "sum"   // one failed renewal would lose the lease
)

// TimingError is one inequality of a [Timing] that does not hold.
type TimingError struct {
	Fault TimingFault
	text  string
}

func (e *TimingError) Error() string { return e.text }

// Validate reports every inequality that does not hold, with its numbers, each as a [*TimingError].
// Call it on a Timing whose defaults are filled in.
func (t Timing) Validate() error {
	var errs []error
	wrong := func(f TimingFault, format string, args ...any) {
		errs = append(errs, &TimingError{Fault: f, text: fmt.Sprintf(format, args...)})
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"ttl", t.TTL}, {"heartbeat", t.Heartbeat}, {"operation timeout", t.Operation}, {"kill budget", t.KillBudget}, {"grace", t.Grace}} {
		switch {
		case f.d <= 0:
			wrong(FaultRange, "%s %v: must be positive", f.name, f.d)
		case f.d < time.Millisecond:
			wrong(FaultRange, "%s %v: the store counts in milliseconds", f.name, f.d)
		case f.d > maxSpan:
			wrong(FaultRange, "%s %v: longer than 30 years", f.name, f.d)
		}
	}
	if t.TTL > 0 && t.TTL < MinTTL && !t.AllowShort {
		wrong(FaultShort, "ttl %v < %v: an election of the database would outlast every lease", t.TTL, MinTTL)
	}
	if need, have := t.Heartbeat+2*t.Operation, t.TTL-t.KillBudget-t.Drift(); need > have {
		wrong(FaultSum,
			"heartbeat %v + 2 × operation timeout %v = %v > ttl %v − kill budget %v − drift %v = %v: one failed renewal would lose the lease",
			t.Heartbeat, t.Operation, need, t.TTL, t.KillBudget, t.Drift(), have)
	}
	return errors.Join(errs...)
}
