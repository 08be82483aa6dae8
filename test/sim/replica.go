package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/fakemongo"
)

// replica is a replica set behind the lock's store seam, with the faults of package fakemongo and no driver, no wire and
// no pipelines: each change is made in Go. It costs a twentieth, so that rare faults meet.
type replica struct {
	network *network

	mu       sync.Mutex
	majority *branch // what a majority has; nil between an isolation and the election
	old      *oldPrimary
	cut      map[int]bool
	calls    map[int]uint64
	lost     int // writes that were rolled back
}

// branch is what one primary has.
type branch struct {
	documents map[string]bson.Raw
	// shown are the documents as they are answered with, without the history.
	shown map[string]bson.Raw
	now   func() time.Time
	log   []write
}

func (b *branch) clone() *branch {
	return &branch{maps.Clone(b.documents), maps.Clone(b.shown), b.now, b.log[:len(b.log):len(b.log)]}
}

// oldPrimary is one without its majority.
type oldPrimary struct {
	dirty, frozen *branch // what it has written, and what the majority had before
	serves        map[int]bool
	ended         chan struct{}
	survived      bool // nobody was elected meanwhile
}

// write is one effective write.
type write struct {
	key           string
	before, after bson.Raw
}

func newReplica(now func() time.Time, n *network) *replica {
	return &replica{
		network: n, majority: &branch{documents: map[string]bson.Raw{}, shown: map[string]bson.Raw{}, now: now}, cut: map[int]bool{}, calls: map[int]uint64{},
	}
}

func (r *replica) Close() {}

func (r *replica) Cut(process int, off bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[process] = off
}

func (r *replica) Isolate(serves ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.old = &oldPrimary{dirty: r.majority, frozen: r.majority.clone(), serves: map[int]bool{}, ended: make(chan struct{})}
	for _, p := range serves {
		r.old.serves[p] = true
	}
	r.majority = nil
}

func (r *replica) Elect(now func() time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.majority == nil {
		r.majority = r.old.frozen.clone()
	}
	r.majority.now = now
}

func (r *replica) Rejoin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.old
	if old == nil {
		return
	}
	r.old = nil
	if r.majority == nil {
		r.majority, old.survived = old.dirty, true
	} else {
		r.lost += len(old.dirty.log) - len(old.frozen.log)
	}
	close(old.ended)
}

// history is every write that the majority has, in order, and how many were rolled back.
func (r *replica) history() ([]write, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.majority == nil {
		return r.old.frozen.log, r.lost
	}
	return r.majority.log, r.lost
}

// edit changes a document by hand, as the majority has it.
func (r *replica) edit(key string, by func(document bson.Raw, now time.Time) bson.Raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.majority
	if b == nil {
		return // nobody is there to be asked
	}
	b.put(key, by(b.documents[key], b.now()))
}

func (b *branch) put(key string, after bson.Raw) {
	before := b.documents[key]
	if bytes.Equal(before, after) {
		return
	}
	b.log = append(b.log, write{key, before, after})
	if after == nil {
		delete(b.documents, key)
		delete(b.shown, key)
	} else {
		b.documents[key], b.shown[key] = after, withoutHistory(after)
	}
}

// withoutHistory leaves out what no decision needs, as the lock asks a server to do.
func withoutHistory(document bson.Raw) bson.Raw {
	elements, err := document.Elements()
	if err != nil {
		return document
	}
	out := make([]byte, 4, len(document))
	for _, e := range elements {
		if e.Key() != "history" {
			out = append(out, e...)
		}
	}
	out = append(out, 0)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out
}

// cable is a process's way to the replica set.
type cable struct {
	*replica
	machine *machine
	process int
	dead    *atomic.Bool
}

var _ mongolock.Store = (*cable)(nil)

var (
	errGone    = fmt.Errorf("the process is dead: %w", mongolock.ErrUnavailable)
	errReset   = fmt.Errorf("the connection was reset: %w", mongolock.ErrUnavailable)
	errRefused = fmt.Errorf("not the primary: %w", mongolock.ErrUnavailable)
	errConcern = fmt.Errorf("write concern error: %w", mongolock.ErrUnknown)
	errTimeout = fmt.Errorf("no answer: %w", mongolock.ErrUnavailable)
)

func (c *cable) Modify(ctx context.Context, change mongolock.Change) (bson.Raw, error) {
	return c.ask(ctx, func(data *branch, old *oldPrimary) (doc bson.Raw, wrote bool) {
		before := data.documents[change.Key]
		after, applies := change.Apply(before, data.now())
		if !applies {
			return nil, false
		}
		wrote = !bytes.Equal(before, after)
		shown := data.shown[change.Key]
		data.put(change.Key, after)
		if change.Before {
			return shown, wrote
		}
		return data.shown[change.Key], wrote
	})
}

func (c *cable) Find(ctx context.Context, key string) (bson.Raw, error) {
	return c.ask(ctx, func(data *branch, old *oldPrimary) (bson.Raw, bool) {
		if old != nil {
			data = old.frozen
		}
		return data.shown[key], false
	})
}

// replied is an answer on its way.
type replied struct {
	doc bson.Raw
	err error
}

// ask sends one request. What is sent arrives, late perhaps or twice, whatever becomes of who sent it.
func (c *cable) ask(ctx context.Context, do func(*branch, *oldPrimary) (doc bson.Raw, wrote bool)) (bson.Raw, error) {
	c.machine.awake()
	defer c.machine.awake()
	if c.dead.Load() {
		return nil, errGone
	}
	c.mu.Lock()
	c.calls[c.process]++
	n := c.calls[c.process]
	c.mu.Unlock()
	v, again := c.network.verdict(c.process, n, false)
	if again == 0 && v.RequestDelay+v.ReplyDelay < soon && !v.LoseRequest && !v.LoseReply && !v.Reset {
		if a, answered := c.straight(v, do); answered {
			return a.doc, a.err
		}
		<-ctx.Done()
		return nil, errors.Join(errTimeout, context.Cause(ctx))
	}
	answer := make(chan replied, 2)
	if !v.LoseRequest {
		time.AfterFunc(v.RequestDelay, func() { c.arrive(v, do, answer) })
	}
	if again > 0 { // its answer is nobody's: the connection knows one of each request
		time.AfterFunc(v.RequestDelay+again, func() { c.carryOut(v, do) })
	}
	select {
	case a := <-answer:
		return a.doc, a.err
	case <-ctx.Done():
		return nil, errors.Join(errTimeout, context.Cause(ctx))
	}
}

// soon is how long a call may take that nobody need wait for beside it.
const soon = 200 * time.Millisecond

// straight is a call that nothing befalls on its way, in the goroutine of who makes it.
func (c *cable) straight(v fakemongo.Verdict, do func(*branch, *oldPrimary) (bson.Raw, bool)) (a replied, answered bool) {
	time.Sleep(v.RequestDelay)
	a, old, arrived := c.carryOut(v, do)
	if !arrived || old != nil {
		return a, false
	}
	time.Sleep(v.ReplyDelay)
	c.mu.Lock()
	defer c.mu.Unlock()
	return a, !c.cut[c.process]
}

// carryOut does what a request asks for where it arrives. old is the primary that acknowledges it only if it is the next one.
func (c *cable) carryOut(v fakemongo.Verdict, do func(*branch, *oldPrimary) (bson.Raw, bool)) (a replied, old *oldPrimary, arrived bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data := c.majority
	if c.old != nil && c.old.serves[c.process] {
		data, old = c.old.dirty, c.old
	}
	if c.cut[c.process] || data == nil {
		return a, nil, false
	}
	if v.Code != 0 {
		return replied{err: errRefused}, nil, true
	}
	doc, wrote := do(data, old)
	if a.doc = doc; v.WriteConcernError && wrote {
		return replied{err: errConcern}, nil, true
	}
	if !wrote {
		old = nil
	}
	return a, old, true
}

// arrive carries a request out where it arrives, and sends the answer.
func (c *cable) arrive(v fakemongo.Verdict, do func(*branch, *oldPrimary) (bson.Raw, bool), answer chan<- replied) {
	a, old, arrived := c.carryOut(v, do)
	if !arrived || v.LoseReply && !v.Reset {
		return
	}
	reply := func() {
		c.mu.Lock()
		cut := c.cut[c.process]
		c.mu.Unlock()
		switch {
		case v.Reset:
			answer <- replied{err: errReset}
		case !cut:
			answer <- a
		}
	}
	if old == nil {
		time.AfterFunc(v.ReplyDelay, reply)
		return
	}
	go func() { // nobody acknowledges it, unless the old primary is the next one
		if <-old.ended; old.survived {
			time.AfterFunc(v.ReplyDelay, reply)
		}
	}()
}
