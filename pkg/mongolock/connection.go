package mongolock

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// connection is one client and the handles made of it. A Locker has one at a
// time; a call that has begun on one ends on it.
type connection struct {
	// coll decides; display serves reads for people, with the read preference that the client was given.
	coll, display *mongo.Collection
	// client is the Locker's own, or nil.
	client *mongo.Client
	// sockets are the client's, or nil.
	sockets *sockets
	// calls are those under way.
	calls sync.WaitGroup
	// replaced ends when another connection takes this one's place.
	replaced context.Context //nolint:containedctx // the connection's own life
	replace  context.CancelFunc
}

func newConnection(c *mongo.Collection, own *mongo.Client, sockets *sockets) *connection {
	k := &connection{coll: decisive(c), display: c, client: own, sockets: sockets}
	k.replaced, k.replace = context.WithCancel(context.Background())
	return k
}

// decisive is the handle that decides: writes acknowledged by a majority that
// has them in its journal, reads of the primary that a majority has.
func decisive(c *mongo.Collection) *mongo.Collection {
	journal := true
	wc := writeconcern.Majority()
	wc.Journal = &journal
	return c.Clone(options.Collection().
		SetWriteConcern(wc).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()))
}

// connections is the one in use.
type connections struct {
	mu  sync.RWMutex
	now *connection
}

// use gives the connection in use to one call, which ends it with done.
func (c *connections) use() (k *connection, done func()) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.calls.Add(1)
	return c.now, c.now.calls.Done
}

func (c *connections) current() *connection {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now
}

// swap puts another one in its place. No call begins on the old one any more.
func (c *connections) swap(next *connection) (old *connection) {
	c.mu.Lock()
	old, c.now = c.now, next
	c.mu.Unlock()
	old.replace()
	return old
}

// call runs one call to the store, on the connection in use and under its own deadline.
func (l *Locker) call(ctx context.Context, f func(context.Context, *connection) error) error {
	return l.callWithin(ctx, l.opts.Timing.Operation, f)
}

// callWithin is call with the deadline of a lease whose timing is not the Locker's.
func (l *Locker) callWithin(ctx context.Context, within time.Duration, f func(context.Context, *connection) error) error {
	k, done := l.conn.use()
	defer done()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return marked(k.ask(ctx, f))
}

func (l *Locker) callOn(ctx context.Context, k *connection, f func(context.Context, *connection) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timing.Operation)
	defer cancel()
	return marked(k.ask(ctx, f))
}

// ask sends one call. What is as silent as a call that got no answer in its time is not used again.
func (k *connection) ask(ctx context.Context, f func(context.Context, *connection) error) error {
	sent := time.Now()
	err := f(ctx, k)
	if err != nil && k.sockets != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || mongo.IsTimeout(err)) {
		k.sockets.unanswered(sent)
	}
	return err
}
