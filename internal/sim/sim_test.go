package sim

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	histories = flag.Int("sim.histories", 60, "how many histories TestHistories runs")
	firstSeed = flag.Uint64("sim.seed", 0, "the seed of the first; the others follow")
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
				synctest.Test(t, func(t *testing.T) {
					c, trace, err := Run(seed)
					mu.Lock()
					defer mu.Unlock()
					total.add(c)
					if *traced || err != nil {
						t.Logf("what happened in seed %d:\n%s", seed, strings.Join(trace, "\n"))
					}
					if err != nil {
						t.Errorf("%v\nagain: go test ./internal/sim -run TestHistories -sim.histories 20 -sim.seed %d", err, seed)
					}
				})
			})
		})
	}
	left.Wait()
	t.Logf("%v, in %v", total, time.Since(began).Round(time.Millisecond))
}
