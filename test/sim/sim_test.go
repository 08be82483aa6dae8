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
	shrunk    = flag.Bool("sim.shrink", false, "tell the story of the first seed, without what a failure does without")
	traced    = flag.Bool("sim.trace", false, "print what happened in each history, not only in those that fail")
)

// TestHistories goes behind the store's seam, unless -sim.driver asks for the whole way.
func TestHistories(t *testing.T) {
	if *shrunk {
		shrink(t)
		return
	}
	if total := runHistories(t, *histories, *driver); *histories >= 200 && !*driver {
		total.enough(t)
	}
}

// TestHistoriesOverTheWire runs a share of them through the real driver, the wire protocol and the pipelines.
func TestHistoriesOverTheWire(t *testing.T) { runHistories(t, usualOverTheWire, true) }

// shrink tells the story of one seed: it looks for a failure, and leaves out what the failure does without.
func shrink(t *testing.T) {
	t.Helper()
	fails := func(without map[int]bool) (trace []string, err error) {
		for range 10 { // the order of goroutines in an instant is not the seed's
			bubble.Test(t, func(*testing.T) { _, trace, err = Run(*firstSeed, *driver, without) })
			if err != nil {
				break
			}
		}
		return trace, err
	}
	without := map[int]bool{}
	trace, err := fails(without)
	if err == nil {
		t.Logf("seed %d keeps its promises, ten times:\n%s", *firstSeed, strings.Join(trace, "\n"))
		return
	}
	for i := range 400 { // more events than there are
		without[i] = true
		if shorter, again := fails(without); again != nil {
			trace, err = shorter, again
		} else {
			delete(without, i)
		}
	}
	t.Errorf("%v\n%s", err, strings.Join(trace, "\n"))
}

// runHistories runs as many histories at a time as there are processors.
func runHistories(t *testing.T, n int, driver bool) Counts {
	t.Helper()
	began := time.Now()
	var (
		mu    sync.Mutex
		total Counts
		left  sync.WaitGroup
	)
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		seed := *firstSeed + uint64(i)
		slots <- struct{}{}
		left.Go(func() {
			defer func() { <-slots }()
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				bubble.Test(t, func(t *testing.T) {
					c, trace, err := Run(seed, driver, nil)
					mu.Lock()
					defer mu.Unlock()
					total.add(c)
					if *traced || err != nil {
						t.Logf("what happened in seed %d:\n%s", seed, strings.Join(trace, "\n"))
					}
					if err != nil {
						t.Errorf("%v\nagain: make sim SEED=%d (the order of goroutines in an instant is not the seed's: it may take some tries)", err, seed)
					}
				})
			})
		})
	}
	left.Wait()
	took := time.Since(began)
	t.Logf("%v, in %v (%.0f a second)", total, took.Round(time.Millisecond), float64(n)/took.Seconds())
	if total.Histories != n {
		t.Errorf("%d histories ran, want %d", total.Histories, n)
	}
	return total
}

// enough complains where the histories held too little of what can go wrong: some half of what they hold on average.
func (c Counts) enough(t *testing.T) {
	t.Helper()
	for _, f := range []struct {
		what string
		n    int
		each float64 // history
	}{
		{"workloads started", c.Started, 4},
		{"workloads continued", c.Continued, 0.08},
		{"acquisitions of a free key", c.Free, 3},
		{"take-overs", c.TakenOver, 0.7},
		{"adoptions", c.Adopted, 0.6},
		{"losses by deadline", c.LostDeadline, 1.8},
		{"losses by an operator", c.LostRevoked, 0.06},
		{"releases", c.Released, 2.4},
		{"crashes", c.Crashes, 0.5},
		{"isolations", c.Isolations, 2},
		{"writes rolled back", c.RolledBack, 1.5},
		{"unknown calls", c.Unknown, 50},
		{"frozen gates", c.Frozen, 1},
		{"runs done", c.Done, 1},
		{"runs skipped", c.Skipped, 10},
		{"workers of the Python library", c.Python, 0.03},
		{"keys taken at once", c.Forced, 0.005},
	} {
		if want := int(f.each * float64(c.Histories)); f.n < want {
			t.Errorf("%s: %d in %d histories, want at least %d", f.what, f.n, c.Histories, want)
		}
	}
}
