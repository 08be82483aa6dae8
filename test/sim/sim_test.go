package sim

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

var (
	histories = flag.Int("sim.histories", usual, "how many histories TestHistories runs")
	firstSeed = flag.Uint64("sim.seed", 0, "the seed of the first; the others follow")
	driver    = flag.Bool("sim.driver", false, "go through the real driver and the wire, at a twentieth of the speed")
	traced    = flag.Bool("sim.trace", false, "print what happened in each history, not only in those that fail")
)

// TestHistories runs as many histories at a time as there are processors.
func TestHistories(t *testing.T) {
	began := time.Now()
	var (
		mu    sync.Mutex
		total Counts
		left  sync.WaitGroup
	)
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range *histories {
		seed := *firstSeed + uint64(i)
		slots <- struct{}{}
		left.Go(func() {
			defer func() { <-slots }()
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					c, trace, err := Run(seed, *driver)
					mu.Lock()
					defer mu.Unlock()
					total.add(c)
					if *traced || err != nil {
						t.Logf("what happened in seed %d:\n%s", seed, strings.Join(trace, "\n"))
					}
					if err != nil {
						t.Errorf("%v\nagain: go test ./test/sim -run TestHistories -sim.histories 20 -sim.seed %d", err, seed)
					}
				})
			})
		})
	}
	left.Wait()
	t.Logf("%v, in %v", total, time.Since(began).Round(time.Millisecond))
	if total.Histories != *histories {
		t.Errorf("%d histories ran, want %d", total.Histories, *histories)
	}
	if *histories >= 40 {
		total.enough(t)
	}
}

// enough complains where the histories held too little of what can go wrong: some half of what they hold on average.
func (c Counts) enough(t *testing.T) {
	t.Helper()
	for _, f := range []struct {
		what string
		n    int
		each float64 // history
	}{
		{"workloads started", c.Started, 3},
		{"workloads continued", c.Continued, 0.1},
		{"acquisitions of a free key", c.Free, 2},
		{"take-overs", c.TakenOver, 1},
		{"adoptions", c.Adopted, 0.5},
		{"losses by deadline", c.LostDeadline, 2},
		{"losses by an operator", c.LostRevoked, 0.05},
		{"releases", c.Released, 1.5},
		{"crashes", c.Crashes, 0.6},
		{"isolations", c.Isolations, 3},
		{"writes rolled back", c.RolledBack, 1.5},
		{"unknown calls", c.Unknown, 40},
	} {
		if want := int(f.each * float64(c.Histories)); f.n < want {
			t.Errorf("%s: %d in %d histories, want at least %d", f.what, f.n, c.Histories, want)
		}
	}
}
