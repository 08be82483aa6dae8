//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/faultproxy"
)

// The calls of a cycle, in their order. A cycle is the life of a lock: it is
// acquired, somebody else is refused, it is renewed and released. first is an
// acquisition of a key that has no document yet.
const (
	first   = "first"
	acquire = "acquire"
	refused = "refused"
	renew   = "renew"
	release = "release"
)

// timings are the durations in ms of each call of some cycles, and under [allocs] what each allocated.
type timings map[string][]float64

// allocs is the name of a call's allocations.
func allocs(op string) string { return op + " allocations" }

// mallocs is how many objects the process has allocated. Looking stops the process for some microseconds, which no call's time has in it.
func mallocs() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}

func (t timings) add(op string, call func() error) error {
	before := mallocs()
	start := time.Now()
	err := call()
	took := time.Since(start)
	t[allocs(op)] = append(t[allocs(op)], mallocs()-before)
	t[op] = append(t[op], float64(took.Nanoseconds())/1e6)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// blocks are the timings of one contestant, by call and block.
type blocks map[string][][]float64

func (b blocks) add(t timings) {
	for op, ms := range t {
		b[op] = append(b[op], ms)
	}
}

// callResult is what was measured on one server.
type callResult struct {
	target
	took     map[string]blocks // by contestant
	commands map[string]timings
	others   []string
}

const (
	oursName = "mongogate"
	bareName = "findAndModify"

	squareName = "square/mongo-lock"
)

// callLimit ends the blocks on a server whose disk is slow: those that were measured count.
const callLimit = 100 * time.Second

// calls compares every call with a bare findAndModify and with other
// libraries, on every server. The contestants take turns in blocks of some
// cycles, in an order drawn anew for each; within a block ours and the bare one alternate call by call.
func (b *bench) calls(ctx context.Context) error {
	for _, s := range b.both() {
		t := target{uri: s.URI, banner: s.Banner(), goal: 1.3, blocks: b.size.blocks, peers: true}
		if s.Kind != devdb.Engine {
			t.goal = 1.15 // a commit is durable or replicated there
		}
		if err := b.callsOn(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if b.first.Kind == devdb.Engine {
		return b.callsFar(ctx)
	}
	return nil
}

// target is a server that calls are measured on.
type target struct {
	uri, banner string
	goal        float64 // the largest ratio to a bare findAndModify
	blocks      int
	peers       bool
}

// farTrip is how much longer a call takes to the far server: about what a majority's commit takes.
const farTrip = 4 * time.Millisecond

// callsFar measures on the engine once more, through a proxy that holds
// everything back. A commit costs the engine nothing, and its distance nothing
// either; no pod has such a database, and where a call takes some milliseconds anyway
// the pipeline weighs less.
func (b *bench) callsFar(ctx context.Context) (err error) {
	proxy, err := faultproxy.Listen(b.first.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	proxy.Delay(farTrip / 2)
	uri, err := proxy.URI(b.first.URI)
	if err != nil {
		return err
	}
	name, rest, _ := strings.Cut(b.first.Banner(), " (")
	return b.callsOn(ctx, target{uri: uri, banner: fmt.Sprintf("%s, %v away (%s", name, farTrip, rest), goal: 1.15, blocks: (b.size.blocks + 3) / 4})
}

func (b *bench) callsOn(ctx context.Context, t target) (err error) {
	client, err := connect(t.uri, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	p, err := newPair(ctx, locks(client, "locks"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.ours.close(context.WithoutCancel(ctx))) }()
	r := &callResult{target: t, took: map[string]blocks{oursName: {}, bareName: {}}, commands: map[string]timings{}}
	if r.commands[oursName], err = countOurs(ctx, t.uri); err != nil {
		return err
	}
	turns := []func() error{func() error {
		mine, its := timings{}, timings{}
		for range b.size.cycles {
			if err := p.cycle(ctx, mine, its); err != nil {
				return err
			}
		}
		r.took[oursName].add(mine)
		r.took[bareName].add(its)
		return nil
	}}
	var peers []*peer
	if t.peers {
		peers = b.startPeers(ctx, t.uri)
	}
	for _, peer := range peers {
		defer func() { err = errors.Join(err, peer.close()) }()
		if _, err := peer.ask("run 5"); err != nil { // its connections and indexes are there after that
			return err
		}
		if r.commands[peer.name], err = peer.ask("count"); err != nil {
			return err
		}
		r.others = append(r.others, peer.name)
		r.took[peer.name] = blocks{}
		turns = append(turns, func() error {
			t, err := peer.ask(fmt.Sprintf("run %d", b.size.cycles))
			r.took[peer.name].add(t)
			return err
		})
	}
	until := time.Now().Add(callLimit)
	for i := 0; i < t.blocks && time.Now().Before(until); i++ {
		for _, turn := range rand.Perm(len(turns)) {
			if err := turns[turn](); err != nil {
				return err
			}
		}
	}
	b.result.calls = append(b.result.calls, r)
	return nil
}

// pair is ours and the bare one on twin documents.
type pair struct {
	coll *mongo.Collection
	ours *ours
	bare *bare
}

// newPair makes the documents: with a full history, as a key has that is in use.
func newPair(ctx context.Context, coll *mongo.Collection) (*pair, error) {
	o, err := newOurs(coll)
	if err != nil {
		return nil, err
	}
	var created, held, free bson.Raw
	look := func(to *bson.Raw) error {
		raw, err := coll.FindOne(ctx, bson.D{{Key: "_id", Value: oursKey}}).Raw()
		*to = raw
		return err
	}
	const fills = 12 // more than a history is long
	for i := range fills {
		lease, err := o.holder.Try(ctx, oursKey)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			err = look(&created)
		}
		if i == fills-1 {
			err = errors.Join(err, look(&held))
			// A refused try leaves the document byte for byte equal.
			var after bson.Raw
			err = errors.Join(err, o.refuse(ctx), look(&after))
			if string(held) != string(after) {
				err = errors.Join(err, errors.New("a refused try has changed the document"))
			}
		}
		if err := errors.Join(err, lease.Release(ctx)); err != nil {
			return nil, err
		}
	}
	if err := look(&free); err != nil {
		return nil, err
	}
	b, err := newBare(coll, created, held, free)
	if err != nil {
		return nil, err
	}
	return &pair{coll: coll, ours: o, bare: b}, b.modify(ctx, byID(bareKey), b.free, true)
}

func byID(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }

// cycle is one life of a lock under ours, and the same writes bare. Who is first is drawn for each call.
func (p *pair) cycle(ctx context.Context, mine, its timings) error {
	var lease *mongolock.Lease
	o, b := p.ours, p.bare
	for _, step := range []struct {
		op         string
		ours, bare func() error
	}{
		{
			first, func() (err error) { lease, err = o.holder.Try(ctx, oursNew); return err },
			func() error { return b.modify(ctx, byID(bareNew), b.new, true) },
		},
		{"", func() error { return lease.Release(ctx) }, func() error { return nil }},
		{"", func() error { return remove(ctx, p.coll, oursNew) }, func() error { return remove(ctx, p.coll, bareNew) }},
		{
			acquire, func() (err error) { lease, err = o.holder.Try(ctx, oursKey); return err },
			func() error { return b.modify(ctx, byID(bareKey), b.held, true) },
		},
		{refused, func() error { return o.refuse(ctx) }, func() error { return b.refuse(ctx) }},
		{renew, func() error { return lease.Renew(ctx) }, func() error { return b.modify(ctx, b.mine, b.beat, false) }},
		{release, func() error { return lease.Release(ctx) }, func() error { return b.modify(ctx, b.mine, b.free, false) }},
	} {
		both := []func() error{
			func() error { return mine.add(step.op, step.ours) },
			func() error { return its.add(step.op, step.bare) },
		}
		begin := rand.N(2)
		if err := both[begin](); err != nil {
			return err
		}
		if err := both[1-begin](); err != nil {
			return fmt.Errorf("bare: %w", err)
		}
	}
	for _, t := range []timings{mine, its} {
		delete(t, "")
		delete(t, allocs(""))
	}
	return nil
}

func remove(ctx context.Context, coll *mongo.Collection, key string) error {
	_, err := coll.DeleteOne(ctx, byID(key))
	return err
}

// countOurs counts the commands of each call, on a client that counts and is not timed.
func countOurs(ctx context.Context, uri string) (_ timings, err error) {
	var c counter
	client, err := connect(uri, c.monitor())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	o, err := newOurs(locks(client, "counted"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close(context.WithoutCancel(ctx))) }()
	var lease *mongolock.Lease
	count := timings{}
	for _, step := range []struct {
		op   string
		call func() error
	}{
		{first, func() (err error) { lease, err = o.holder.Try(ctx, oursKey); return err }},
		{release, func() error { return lease.Release(ctx) }},
		{acquire, func() (err error) { lease, err = o.holder.Try(ctx, oursKey); return err }},
		{refused, func() error { return o.refuse(ctx) }},
		{renew, func() error { return lease.Renew(ctx) }},
		{release, func() error { return lease.Release(ctx) }},
	} {
		before := c.sent.Load()
		if err := step.call(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.op, err)
		}
		count[step.op] = []float64{float64(c.sent.Load() - before)}
	}
	return count, nil
}
