//go:build linux

package prove

import (
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// tick is how often the machine is asked for a sign of life, and stalled how
// long it may take before that counts: less than what the trials' kill budget leaves after SIGKILL.
const (
	tick    = 10 * time.Millisecond
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
		if now-last >= stalled {
			s.mu.Lock()
			s.all = append(s.all, stall{last, now})
			s.mu.Unlock()
		}
		last = now
	}
}

// during says whether there was one between two instants.
func (s *stalls) during(from, to time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.from < to && one.to > from {
			return true
		}
	}
	return false
}

func (s *stalls) close() {
	close(s.quit)
	s.loop.Wait()
}
