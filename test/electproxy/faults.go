package electproxy

import (
	"context"
	"math/rand/v2"
	"time"
)

// Fault is one way in which a set comes to another primary.
type Fault struct {
	Name string
	// Run lets it happen to the primary of the set; election is how long the members take to elect another one.
	Run func(ctx context.Context, s *Set, election time.Duration)
}

// Faults are all kinds. The times are shares of an election's, so that a short one shows the same as a real one of 10 s.
func Faults() []Fault {
	return []Fault{
		{"step-down", stepsDown(0.1)},
		{"kill of the primary", replaced((*Set).Kill, (*Set).Start, func(ctx context.Context, s *Set, e time.Duration, next int) {
			s.Elect(next)
			pause(ctx, e/2)
		})},
		{"primary frozen", replaced((*Set).Freeze, (*Set).Thaw, func(ctx context.Context, s *Set, e time.Duration, next int) {
			s.Elect(next)
			pause(ctx, e/5)
		})},
		{"primary frozen, and the majority waits for it", replaced((*Set).Freeze, (*Set).Thaw, func(ctx context.Context, s *Set, e time.Duration, next int) {
			s.Stall(true)
			s.Elect(next)
			pause(ctx, e*6/10)
			s.Stall(false)
			pause(ctx, e)
		})},
		{"restart of all", func(ctx context.Context, s *Set, e time.Duration) {
			next := rand.IntN(Members)
			for i := range Members {
				s.Kill(i)
			}
			pause(ctx, e/4)
			for i := range Members {
				s.Start(i)
			}
			pause(ctx, roughly(e))
			s.Elect(next)
		}},
		{"no majority for four elections", stepsDown(4)},
	}
}

// stepsDown leaves the set without a primary for so many elections' time.
func stepsDown(elections float64) func(context.Context, *Set, time.Duration) {
	return func(ctx context.Context, s *Set, e time.Duration) {
		next := other(s)
		s.Elect(Nobody)
		pause(ctx, time.Duration(elections*float64(e)))
		s.Elect(next)
	}
}

// replaced: something befalls the primary, the others elect another one after their time, and then the old one comes back.
func replaced(befalls, back func(*Set, int), elect func(ctx context.Context, s *Set, election time.Duration, next int)) func(context.Context, *Set, time.Duration) {
	return func(ctx context.Context, s *Set, e time.Duration) {
		old, next := s.Primary(), other(s)
		befalls(s, old)
		pause(ctx, roughly(e))
		elect(ctx, s, e, next)
		back(s, old)
	}
}

// roughly is an election's time as it is drawn: up to a fifth more.
func roughly(e time.Duration) time.Duration {
	return e + rand.N(e/5)
}

// other is a member that is not the primary.
func other(s *Set) int {
	primary := s.Primary()
	if primary == Nobody {
		return rand.IntN(Members)
	}
	return (primary + 1 + rand.IntN(Members-1)) % Members
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
