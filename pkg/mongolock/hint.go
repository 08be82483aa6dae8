package mongolock

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// hints wake those who wait for keys that were given back in this process, or
// that a change stream of the collection shows to be free. They are hints only: polling goes on beneath, and nothing
// is decided by them. There is at most one stream per Locker, and only while somebody waits.
type hints struct {
	locker *Locker

	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{}
	stop    context.CancelFunc // of the stream that runs, or nil
	none    bool               // the store has no change streams
}

func newHints(l *Locker) *hints {
	return &hints{locker: l, waiters: map[string]map[chan struct{}]struct{}{}, none: !l.opts.ChangeStream}
}

// subscribe gives a channel that receives when the key may be free, and what ends it.
func (h *hints) subscribe(key string) (<-chan struct{}, func()) {
	wake := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters[key] == nil {
		h.waiters[key] = map[chan struct{}]struct{}{}
	}
	h.waiters[key][wake] = struct{}{}
	h.begin()
	return wake, func() { h.unsubscribe(key, wake) }
}

// begin follows a stream, unless one is followed already.
func (h *hints) begin() {
	if h.none || h.stop != nil || h.locker.life.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(h.locker.life)
	h.stop = cancel
	h.locker.wait.Go(func() { h.follow(ctx) })
}

// again tries once more what the connection before this one had no right to.
func (h *hints) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.none || !h.locker.opts.ChangeStream {
		return
	}
	h.none = false
	if h.stop != nil { // of the stream that was given up
		h.stop()
		h.stop = nil
	}
	if len(h.waiters) > 0 {
		h.begin()
	}
}

func (h *hints) unsubscribe(key string, wake chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiters[key], wake)
	if len(h.waiters[key]) == 0 {
		delete(h.waiters, key)
	}
	if len(h.waiters) == 0 && h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// close ends the Locker's life; no stream begins after it.
func (h *hints) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.locker.stop(ErrClosed)
}

func (h *hints) wake(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.waiters[key] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// freed selects the changes after which a key may be taken: a release
// replaces the document or sets locked, a purge or an operator deletes it.
func freed() mongo.Pipeline {
	return mongo.Pipeline{{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "operationType", Value: "delete"}},
		bson.D{{Key: "updateDescription.updatedFields.locked", Value: false}},
		bson.D{{Key: "fullDocument.locked", Value: false}},
	}}}}}}
}

// follow reads the stream until nobody waits, opening it again after failures.
func (h *hints) follow(ctx context.Context) {
	for tries := 0; ctx.Err() == nil; tries++ {
		opened, err := h.read(ctx)
		if opened {
			tries = 0
		}
		var ce mongo.CommandError
		if errors.As(err, &ce) && (ce.Code == 40573 || refused(err)) {
			// 40573: only on replica sets and sharded clusters. Or we have no right to it.
			h.mu.Lock()
			h.none = true
			h.mu.Unlock()
			return
		}
		sleep(ctx, min(time.Second<<min(tries, 5), 30*time.Second), nil)
	}
}

func (h *hints) read(ctx context.Context) (opened bool, err error) {
	k, done := h.locker.conn.use()
	defer done()
	// The stream of a connection that is replaced ends, so that the client can be ended.
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(k.replaced, end)()
	open, cancel := context.WithTimeout(ctx, h.locker.opts.Timing.Operation)
	stream, err := k.coll.Watch(open, freed(), options.ChangeStream().SetMaxAwaitTime(h.locker.opts.Poll))
	cancel()
	if err != nil {
		return false, err
	}
	defer func() { _ = stream.Close(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		// Each look has a deadline of its own, so that a stream that never pauses is not taken for one that hangs.
		turn, cancel := context.WithTimeout(ctx, h.locker.opts.Poll+h.locker.opts.Timing.Operation)
		if stream.TryNext(turn) {
			var event struct {
				DocumentKey struct {
					ID string `bson:"_id"`
				} `bson:"documentKey"`
			}
			if stream.Decode(&event) == nil {
				h.wake(event.DocumentKey.ID)
			}
		}
		cancel()
		if err := stream.Err(); err != nil {
			return true, err
		}
	}
	return true, nil
}
