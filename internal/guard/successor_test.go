//go:build linux

package guard_test

import (
	"os"
	"testing"
)

// What kills one run has stopped before the next begins: a look for processes that was under way when the evidence
// came would find the next guard, and kill it.
func TestKillOfOneRunSparesTheNext(t *testing.T) {
	const runs = 150
	s := shell(`sleep 60 & sleep 60 & echo up >"$DIR/up"; wait`)
	s.Starts = runs
	r := start(t, s)
	for n := range runs {
		r.next("start")
		r.untilFile("up")
		if err := os.Remove(r.path("up")); err != nil {
			t.Fatal(err)
		}
		r.order("kill")
		if e := r.next("gone"); e.Code != 128+9 || e.Unasked {
			t.Fatalf("run %d: %+v, want killed as it was told", n, e)
		}
	}
	r.next("closed")
}
