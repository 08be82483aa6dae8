package linear

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/memory"
)

// broken is a store with one bug, which shows now and then.
type broken struct {
	memory.Store
	bug func(b *broken, c mongolock.Change, is action) (answer bson.Raw, shows bool)
	// stale: reads show now and then what was.
	stale bool

	mu    sync.Mutex
	draws *rand.Rand
	// were are the documents of each key so far.
	were map[string][]bson.Raw
}

// Modify is one change after the other.
func (b *broken) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bug != nil && b.sometimes() {
		if answer, shows := b.bug(b, c, asks(c)); shows {
			return answer, nil
		}
	}
	answer, err := b.Store.Modify(ctx, c)
	b.were[c.Key] = append(b.were[c.Key], b.now(c.Key))
	return answer, err
}

// Find is a read.
func (b *broken) Find(ctx context.Context, key string) (bson.Raw, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stale && b.sometimes() && len(b.were[key]) > 10 {
		return b.were[key][len(b.were[key])-10], nil
	}
	return b.Store.Find(ctx, key)
}

func (b *broken) sometimes() bool { return b.draws.IntN(4) == 0 }

// now is the document of a key as it is.
func (b *broken) now(key string) bson.Raw {
	doc, _ := b.Store.Find(context.Background(), key) // its only error is the context's
	return doc
}

// keeps writes a document, whatever its key had.
func (b *broken) keeps(key string, doc bson.Raw) bson.Raw {
	b.Edit(key, func(bson.Raw) bson.Raw { return doc })
	return doc
}

// asks tells which call of the lock a change belongs to.
func asks(c mongolock.Change) action {
	if c.Upsert {
		return acquire
	}
	if c.Before {
		return renew
	}
	raw, err := bson.Marshal(c.Filter)
	if err != nil {
		panic(err) // the lock's own
	}
	filter := bson.Raw(raw)
	switch {
	case filter.Lookup("$or").Type != 0:
		return finish
	case filter.Lookup("nonce", "$type").Type != 0:
		return revoke
	case filter.Lookup("state").Type == 0:
		return force
	}
	return ""
}

// with is a document with some fields changed, or left out where they are nil.
func with(doc bson.Raw, fields bson.M) bson.Raw {
	all, err := doc.Elements()
	if err != nil {
		panic(err) // the store's own
	}
	var next bson.D
	for _, e := range all {
		v, changes := fields[e.Key()]
		switch {
		case !changes:
			next = append(next, bson.E{Key: e.Key(), Value: e.Value()})
		case v != nil:
			next = append(next, bson.E{Key: e.Key(), Value: v})
		}
	}
	raw, err := bson.Marshal(next)
	if err != nil {
		panic(err)
	}
	return raw
}

// released is a document as a release leaves it.
func released(doc bson.Raw) bson.Raw {
	gone := bson.M{"locked": false, "owner": bson.Null{}, "created": bson.Null{}, "expire": bson.Null{}, "state": "free"}
	for _, name := range []string{"nonce", "beat", "mark", "ttlMs", "graceMs", "holder", "done", "revoked", "twin"} {
		gone[name] = nil
	}
	return with(doc, gone)
}

func is(doc bson.Raw, state string) bool {
	s, ok := doc.Lookup("state").StringValueOK()
	return doc != nil && ok && s == state
}

// said acknowledges a change of one kind, and does not make it.
func said(what action) func(*broken, mongolock.Change, action) (bson.Raw, bool) {
	return func(b *broken, c mongolock.Change, is action) (bson.Raw, bool) {
		before := b.now(c.Key)
		after, applies := c.Apply(before, time.Now())
		if is != what || !applies {
			return nil, false
		}
		if c.Before {
			return before, true
		}
		return after, true
	}
}

// acquires lets an acquisition have a key as if it were free, where it is in a state.
func acquires(state string) func(*broken, mongolock.Change, action) (bson.Raw, bool) {
	return func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool) {
		before := b.now(c.Key)
		if asked != acquire || !is(before, state) {
			return nil, false
		}
		after, _ := c.Apply(released(before), time.Now())
		return b.keeps(c.Key, after), true
	}
}

// dated gives an acquisition another token than the next one.
func dated(token func(last int64) int64) func(*broken, mongolock.Change, action) (bson.Raw, bool) {
	return func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool) {
		before := b.now(c.Key)
		after, applies := c.Apply(before, time.Now())
		if asked != acquire || !applies || !is(before, "free") || !is(after, "held") {
			return nil, false
		}
		return b.keeps(c.Key, with(after, bson.M{"token": token(before.Lookup("token").AsInt64())})), true
	}
}

// planted are bugs that a store, or what stands before it, could have.
var planted = []struct {
	name  string
	bug   func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool)
	stale bool
}{
	{name: "an acquisition is acknowledged and was not made", bug: said(acquire)},
	{name: "a renewal is acknowledged and was not made", bug: said(renew)},
	{name: "a release is acknowledged and was not made", bug: said(finish)},
	{name: "a revocation is acknowledged and was not made", bug: said(revoke)},
	{name: "a forced release is acknowledged and was not made", bug: said(force)},
	{name: "an acquisition gets the answer of an earlier one", bug: func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool) {
		were := b.were[c.Key]
		if asked != acquire || len(were) < 10 || !is(were[len(were)-10], "held") {
			return nil, false
		}
		if after, applies := c.Apply(b.now(c.Key), time.Now()); applies {
			b.keeps(c.Key, after)
		}
		return were[len(were)-10], true
	}},
	{name: "a read shows what was", stale: true},
	{name: "a release is applied although another has the key", bug: func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool) {
		before := b.now(c.Key)
		if _, applies := c.Apply(before, time.Now()); asked != finish || applies || !is(before, "held") {
			return nil, false
		}
		return b.keeps(c.Key, released(before)), true
	}},
	{name: "an acquisition takes a held key as if it were free", bug: acquires("held")},
	{name: "an acquisition takes over too early", bug: func(b *broken, c mongolock.Change, asked action) (bson.Raw, bool) {
		after, shows := acquires("held")(b, c, asked)
		if !shows {
			return nil, false
		}
		history, err := after.Lookup("history").Array().Values()
		if err != nil {
			panic(err)
		}
		history[len(history)-1] = bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: with(history[len(history)-1].Document(), bson.M{"how": "taken-over"})}
		return b.keeps(c.Key, with(after, bson.M{"history": history})), true
	}},
	{name: "an acquisition takes a key that is done", bug: acquires("done")},
	{name: "a token is given twice", bug: dated(func(last int64) int64 { return last })},
	{name: "a token is smaller than the last one", bug: dated(func(last int64) int64 { return last - 1 })},
}

// TestPlantedBugs: each is found, within a few histories, because no order of the operations explains the answers.
func TestPlantedBugs(t *testing.T) {
	const most = 10
	for _, p := range planted {
		t.Run(p.name, func(t *testing.T) {
			for seed := range uint64(most) {
				b := &broken{bug: p.bug, stale: p.stale, draws: rand.New(rand.NewPCG(seed, 0)), were: map[string][]bson.Raw{}}
				if v := virtual(t, b, seed).judge(); v.illegal {
					t.Logf("found in history %d: %v", seed+1, v)
					return
				}
			}
			t.Errorf("not found in %d histories", most)
		})
	}
}
