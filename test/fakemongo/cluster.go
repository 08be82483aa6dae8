package fakemongo

import (
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Options configures a Cluster.
type Options struct {
	// ReplicaSet is the set's name; empty for a standalone server.
	ReplicaSet string
	// Now is the primary's wall clock ($$NOW, localTime). Nil is time.Now.
	Now func() time.Time
	// Decide chooses the faults; nil for none. It is called when a request is sent, by one goroutine
	// at a time. It may call the Cluster's methods but Close: an Isolate there is in force for the call.
	Decide func(Call) Verdict
}

// Cluster is a simulated MongoDB server or replica set. Its clients are
// processes with numbers; each has its own dialer, so that each can be cut off.
type Cluster struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	deciding sync.Mutex
	calls    map[counter]uint64

	mu         sync.Mutex
	majority   *copyOf // what a majority has; nil between an isolation and the election
	old        *isolation
	cut        map[int]bool
	connected  map[*connection]bool
	closers    []func()
	rolledBack []Entry
	closed     bool
}

// isolation is a primary without its majority.
type isolation struct {
	dirty    *copyOf
	frozen   *copyOf // what the majority had when the primary was cut off
	serves   map[int]bool
	ended    chan struct{} // closed when it rejoins
	survived bool          // nobody was elected meanwhile: what it had written is committed
}

// New starts a cluster. Close ends it.
func New(o Options) *Cluster {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Cluster{
		options: o, calls: map[counter]uint64{}, majority: newCopy(o.Now), cut: map[int]bool{}, connected: map[*connection]bool{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close closes every connection and listener, drops requests in flight, and
// returns when all goroutines of the cluster have ended.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.closed = true
	for conn := range c.connected {
		conn.close()
	}
	for _, end := range c.closers {
		end()
	}
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
}

// SetNow replaces the wall clock of the present primary, or steps it.
func (c *Cluster) SetNow(now func() time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.majority != nil {
		c.majority.now = now
	} else {
		c.old.dirty.now = now
	}
}

// Cut takes a process off the network, or puts it back. While it is cut,
// requests that would arrive and replies that would depart are lost.
func (c *Cluster) Cut(process int, off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[process] = off
}

// Isolate cuts the primary off from its majority. It goes on serving the named
// processes: effective writes of majority write concern take effect on its
// copy and are not acknowledged (no reply before the command's maxTimeMS or
// wtimeout, then a write concern error), reads of majority read concern show
// what was committed before, and a write that changes nothing is answered as
// usual. Requests of all others are lost until Elect.
func (c *Cluster) Isolate(serves ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.old != nil {
		panic("fakemongo: Isolate of an isolated primary: Rejoin comes first")
	}
	c.old = &isolation{dirty: c.majority, frozen: c.majority.clone(), serves: map[int]bool{}, ended: make(chan struct{})}
	for _, p := range serves {
		c.old.serves[p] = true
	}
	c.majority = nil
}

// Elect gives the majority a primary, with its own wall clock (nil: the one of
// the old primary). It serves all processes but those that stay with an
// isolated primary, and starts from what was committed. Without an isolation
// it is a fail-over that loses nothing.
func (c *Cluster) Elect(now func() time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.majority == nil {
		c.majority = c.old.frozen.clone()
	}
	if now != nil {
		c.majority.now = now
	}
	c.majority.term++
}

// Rejoin ends the isolation. If another primary has been elected, what the old
// one had written is rolled back and its connections are closed; if not, it is committed and acknowledged.
func (c *Cluster) Rejoin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.old
	if old == nil {
		return
	}
	c.old = nil
	if c.majority == nil {
		c.majority, old.survived = old.dirty, true
	} else {
		c.rolledBack = append(c.rolledBack, old.dirty.log[len(old.frozen.log):]...)
		for conn := range c.connected {
			if old.serves[conn.process] {
				conn.close()
			}
		}
	}
	close(old.ended)
}

// Log is every effective write that the majority has, in order.
func (c *Cluster) Log() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.committed().log...)
}

// RolledBack is every effective write that was lost in a Rejoin.
func (c *Cluster) RolledBack() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.rolledBack...)
}

// Document is a document as the majority has it, nil if there is none. Namespace is "db.collection".
func (c *Cluster) Document(namespace string, id any) bson.Raw {
	key, err := idKey(id)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	coll, ok := c.committed().collections[namespace]
	if !ok {
		return nil
	}
	return coll.documents[key].raw
}

func (c *Cluster) committed() *copyOf {
	if c.majority != nil {
		return c.majority
	}
	return c.old.frozen
}

// primaryOf is the member that serves a process: the old primary, the
// majority's, or none. c.mu is held.
func (c *Cluster) primaryOf(process int) (data *copyOf, old *isolation) {
	if c.old != nil && c.old.serves[process] {
		return c.old.dirty, c.old
	}
	return c.majority, nil
}

// sleep waits in package time, which is virtual in a bubble; false if the cluster was closed meanwhile.
func (c *Cluster) sleep(d time.Duration) bool {
	if d <= 0 {
		return c.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}
