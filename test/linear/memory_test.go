package linear

import (
	"flag"
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/memory"
	"github.com/mongogate/mongogate/test/bubble"
)

var (
	histories = flag.Int("linear.histories", 4, "how many histories TestHistories has on a server")
	virtuals  = flag.Int("linear.virtual", 8, "how many TestInMemory has under virtual time")
	firstSeed = flag.Uint64("linear.seed", 0, "the seed of the first; the others follow")
)

// virtual is a history in memory, under virtual time.
func virtual(t *testing.T, store mongolock.Store, seed uint64) *history {
	t.Helper()
	var (
		h   *history
		err error
	)
	bubble.Test(t, func(t *testing.T) {
		w, end := inMemory(store, seed)
		p := usual(seed)
		p.faults = 0
		h, err = p.run(t.Context(), w)
		end()
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestInMemory: where nothing is planted, nothing is found.
func TestInMemory(t *testing.T) {
	var all verdict
	for i := range *virtuals {
		seed := *firstSeed + uint64(i)
		v := virtual(t, new(memory.Store), seed).judge()
		for _, wrong := range v.wrong {
			t.Errorf("seed %d: %s\nagain: go test ./test/linear -run TestInMemory -linear.virtual 20 -linear.seed %d", seed, wrong, seed)
		}
		all.add(v)
	}
	t.Logf("%d histories: %v", *virtuals, &all)
	if n := *virtuals; all.answered < 200*n || all.unknown < 4*n || all.ghosts < n/2 || all.takenOver < n/3 {
		t.Error("too few")
	}
}
