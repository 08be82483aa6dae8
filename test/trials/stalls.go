//go:build linux

package trials

import (
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// tick is how often the machine is asked for a sign of life, late how late
// that may come before it counts, and stalled how much of that, in all, is too much for a
// bound: a third of what the trials' kill budget leaves after SIGKILL.
const (
	tick    = 10 * time.Millisecond
	late    = 50 * time.Millisecond
	stalled = 200 * time.Millisecond
)

// stalls watches for times in which the machine lets nobody run: a bound that
// is missed across one says nothing, for the promise supposes a machine on which a workload
// can be stopped within the kill budget. It excuses no overlap and no token.
type stalls struct {
	clock gate.Clock
	quit  chan struct{}
	loop  sync.WaitGroup

	mu  sync.Mutex
	all []stall
}

type stall struct{ from, to time.Duration }

func watchStalls(clock gate.Clock) *stalls {
	s := &stalls{clock: clock, quit: make(chan struct{})}
	s.loop.Go(s.run)
	return s
}

func (s *stalls) run() {
	last := s.clock.Now()
	for {
		select {
		case <-s.quit:
			return
		case <-time.After(tick):
		}
		now := s.clock.Now()
		if now-last >= late {
			s.mu.Lock()
			s.all = append(s.all, stall{last, now})
			s.mu.Unlock()
		}
		last = now
	}
}

// during says whether there were too many between two instants.
func (s *stalls) during(from, to time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := time.Duration(0)
	for _, one := range s.all {
		sum += max(0, min(one.to, to)-max(one.from, from))
	}
	return sum >= stalled
}

func (s *stalls) close() {
	close(s.quit)
	s.loop.Wait()
}
