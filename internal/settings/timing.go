package settings

import (
	"errors"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Timing is the lease's arithmetic, with every default filled in.
func (s *Settings) Timing() mongolock.Timing {
	return mongolock.Timing{
		TTL: s.TTL, Heartbeat: s.Heartbeat, Operation: s.OperationTimeout,
		KillBudget: s.KillBudget, Grace: s.Grace, AllowShort: s.AllowShortTTL,
	}.WithDefaults()
}

// FinishWithin is how long the store is asked to end a lease. The lock itself ends
// that when the lease is over for everybody; a pair's second key is then asked for once more.
func (s *Settings) FinishWithin() time.Duration {
	t := s.Timing()
	return t.Silence() + 2*t.Operation
}

// Budget is what is kept back for stopping the workload.
func (s *Settings) Budget() gate.Budget {
	kill := s.Timing().KillBudget
	b := gate.Budget{Kill: kill, KillAfter: s.KillAfter}
	if b.KillAfter == 0 {
		b.KillAfter = kill * 3 / 4
	}
	return b
}

// Rest is how long a gate rests after a loss before it tries to get the lock
// again: whoever waits has looked for it by then. A follower takes nobody's turn.
func (s *Settings) Rest() time.Duration {
	if s.Follow {
		return time.Second
	}
	poll := s.PollInterval
	if poll == 0 {
		poll = min(s.Timing().TTL/6, 5*time.Second)
	}
	return 2*poll + s.Timing().Operation
}

// timingProblems are one for each sum that does not add up, with a remedy that mends it.
func timingProblems(s *Settings) []problem.Problem {
	var all []problem.Problem
	for _, err := range problem.Each(s.Timing().Validate()) {
		p := problem.Problem{Field: "ttl", Message: err.Error()}
		var wrong *mongolock.TimingError
		if errors.As(err, &wrong) {
			switch wrong.Fault {
			case mongolock.FaultShort:
				p.Remedy = "give --ttl 30s, or at least 5s; --allow-short-ttl is for tests"
			case mongolock.FaultSum:
				p.Remedy = sumRemedy(s)
			case mongolock.FaultRange:
				p.Remedy = "give times from 1ms to 30 years"
			}
		}
		all = append(all, p)
	}
	for _, err := range problem.Each(s.Budget().Validate()) {
		all = append(all, problem.Problem{Field: "kill-after", Message: err.Error(), Remedy: "lower --kill-after, or raise --kill-budget or --ttl (the kill budget is a sixth of it by default)"})
	}
	return all
}

// sumRemedy names what was given and could be lower, and the ttl that would do.
func sumRemedy(s *Settings) string {
	var given []string
	for _, name := range []string{"heartbeat", "operation-timeout", "kill-budget"} {
		if s.Given(name) {
			given = append(given, "--"+name)
		}
	}
	remedy := ""
	if least := leastTTL(s); least > 0 {
		remedy = "give --ttl " + least.String() + " or more"
	}
	switch {
	case len(given) == 0:
		return remedy
	case remedy != "":
		remedy += ", or "
	}
	return remedy + "lower " + strings.Join(given, " or ") + ", which can be left out"
}

// leastTTL is the shortest ttl, in whole seconds, with which the other times add up; zero where none is near.
func leastTTL(s *Settings) time.Duration {
	fits := func(ttl time.Duration) bool {
		longer := *s
		longer.TTL = ttl
		return longer.Timing().Validate() == nil
	}
	low, high := s.TTL.Truncate(time.Second), max(s.TTL, time.Second)
	for !fits(high) {
		low, high = high, 2*high
		if high > 365*24*time.Hour {
			return 0
		}
	}
	for high-low > time.Second {
		if mid := (low + (high-low)/2).Truncate(time.Second); mid > low && fits(mid) {
			high = mid
		} else {
			low = max(mid, low+time.Second)
		}
	}
	return high.Truncate(time.Second)
}
