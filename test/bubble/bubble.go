// Package bubble runs tests under virtual time: it is testing/synctest, made safe for the race detector.
//
// In Go 1.26 the timers of a bubble share one state of the race detector (bubble.timers.raceCtx in
// runtime/time.go), and whichever thread finds one of them due runs it with that state. Two threads at once, as
// when two goroutines look at timers that are due already, destroy it: the program ends with "ThreadSanitizer: CHECK
// failed" or with a fault in memory, some time later. While a bubble runs under the race detector, Go code
// therefore runs on one thread at a time. What the detector finds does not depend on that: it goes by what happens before what.
package bubble

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Test is [synctest.Test].
func Test(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if raceDetector {
		begin()
		defer end()
	}
	synctest.Test(t, test)
}

// Wait is [synctest.Wait].
func Wait() { synctest.Wait() }

var (
	mu      sync.Mutex
	running int
	before  int // GOMAXPROCS without a bubble
)

func begin() {
	mu.Lock()
	defer mu.Unlock()
	if running++; running == 1 {
		before = runtime.GOMAXPROCS(1)
	}
}

func end() {
	mu.Lock()
	defer mu.Unlock()
	if running--; running == 0 {
		runtime.GOMAXPROCS(before)
	}
}
