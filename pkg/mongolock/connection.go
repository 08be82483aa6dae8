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

// connections are a collection in MongoDB over the one connection that is in use.
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

// call runs one call to the collection that is none of a [Store]'s, on the connection in use and under its own deadline.
func (l *Locker) call(ctx context.Context, f func(context.Context, *connection) error) error {
	k, done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	return l.callOn(ctx, k, f)
}

func (l *Locker) callOn(ctx context.Context, k *connection, f func(context.Context, *connection) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timing.Operation)
	defer cancel()
	sent := time.Now()
	return marked(k.heard(ctx, sent, f(ctx, k)))
}

// use gives the connection in use to one call, which ends it with done, where the store is a collection in MongoDB.
func (l *Locker) use() (k *connection, done func(), err error) {
	if l.conn == nil {
		return nil, nil, errNoCollection
	}
	k, done = l.conn.use()
	return k, done, nil
}

// heard is the error of a call that was sent on this connection. What is as silent as a call that got no answer in its time is not used again.
func (k *connection) heard(ctx context.Context, sent time.Time, err error) error {
	if err != nil && k.sockets != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || mongo.IsTimeout(err)) {
		k.sockets.unanswered(sent)
	}
	return err
}
