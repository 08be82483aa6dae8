package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// kind is what the machines of a history contend for.
type kind int

const (
	one     kind = iota // one key, for ever
	pairs               // one key, and each machine a bucket of its own: runs that must not overlap
	runs                // a key for each minute, which is to be done once
	workers             // one key, which workers of the Python library take as well
	kinds
)

// faults are the knobs of a history. Each is off in many histories, so that what is left is not drowned.
type faults struct {
	isolations, cuts, crashes, freezes, clocks bool
	operator, force                            bool
	slowObserver, cancels, mixedTTLs           bool
}

func drawFaults(r *rand.Rand, k kind) faults {
	often := func(p float64) bool { return r.Float64() < p }
	f := faults{
		isolations: often(0.7), cuts: often(0.7), crashes: often(0.6), freezes: often(0.5), clocks: often(0.7),
		operator: often(0.3), force: often(0.1), slowObserver: often(0.2), cancels: often(0.3), mixedTTLs: often(0.3),
	}
	switch k {
	case workers: // who compares wall clocks with those of the server
		f.clocks, f.force = false, false
	case pairs, runs: // which key would it be
		f.force = false
	case one, kinds:
	}
	return f
}

// times is n where a fault is among those of this history.
func (faults) times(on bool, n int) int {
	if !on {
		return 0
	}
	return n
}

// ttls are what machines draw theirs from.
var ttls = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute} //nolint:gochecknoglobals // a constant table

func timingOf(ttl time.Duration) mongolock.Timing { return mongolock.Timing{TTL: ttl}.WithDefaults() }

// minute is a run's.
const minute = time.Minute

// bucketNow is the key of the run that is due.
func (h *History) bucketNow() string {
	return fmt.Sprintf("%s@%03d", job, time.Since(h.epoch)/minute)
}

// worker is one turn of a worker of the Python library: it takes the key if that is free, or another one's time is
// over, works for at most as long as it has said, and gives it back.
func (h *History) worker(name string, lease, work time.Duration) {
	took := false
	h.hand.edit(job, func(doc bson.Raw, now time.Time) bson.Raw {
		locked, _ := orEmpty(doc).Lookup("locked").BooleanOK()
		expire, dated := orEmpty(doc).Lookup("expire").DateTimeOK()
		if locked && (!dated || text(doc, "state") != "" || time.UnixMilli(expire).After(now)) {
			return doc
		}
		took = true
		h.witness.worker(name)
		return pythons(job, true, name, now, now.Add(lease))
	})
	if !took {
		return
	}
	time.AfterFunc(min(work, lease), func() {
		h.witness.worker("")
		h.hand.edit(job, func(doc bson.Raw, now time.Time) bson.Raw {
			if text(doc, "owner") != name || text(doc, "state") != "" {
				return doc
			}
			return pythons(job, false, nil, nil, nil)
		})
	})
}

func pythons(key string, locked bool, owner, created, expire any) bson.Raw {
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: key}, {Key: "locked", Value: locked}, {Key: "owner", Value: owner}, {Key: "created", Value: created}, {Key: "expire", Value: expire}})
	if err != nil {
		panic(err)
	}
	return raw
}

// orEmpty is a document that may be none.
func orEmpty(doc bson.Raw) bson.Raw {
	if doc == nil {
		return bson.Raw{5, 0, 0, 0, 0}
	}
	return doc
}

// dawdle is an observer that takes its time, in a history that has such.
func (h *History) dawdle(m *machine) {
	if !h.faults.slowObserver || h.network.quiet.Load() {
		return
	}
	h.mu.Lock()
	d := upTo(m.draws, 40*time.Second)
	if m.draws.Float64() < 0.9 {
		d = 0
	}
	h.mu.Unlock()
	time.Sleep(d)
}

// patience ends the waiting of a gate at any moment, in a history that has such.
func (h *History) patience(ctx context.Context, m *machine) (context.Context, context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calm || !h.faults.cancels || m.draws.Float64() < 0.6 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, upTo(m.draws, pick(m.draws, 100*time.Millisecond, time.Minute)))
}
