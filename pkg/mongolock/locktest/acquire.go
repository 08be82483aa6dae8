package locktest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

func (s *suite) majorityOrNothing(t *testing.T) {
	for _, bad := range []string{"w=1", "w=0", "w=3", "w=nowhere", "journal=false"} {
		_, err := mongolock.Connect("mongodb://127.0.0.1:1/?"+bad, mongolock.Options{})
		if !errors.Is(err, mongolock.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", bad, err)
		}
	}
}

// heldDoc is a document as this package writes it, held by somebody else.
func heldDoc(key string, change bson.M) bson.D {
	at := func(d time.Duration) bson.DateTime { return bson.NewDateTimeFromTime(time.Now().Add(d)) }
	fields := bson.D{
		{Key: "_id", Value: key},
		{Key: "locked", Value: true},
		{Key: "owner", Value: "a"},
		{Key: "created", Value: at(-90 * time.Second)},
		{Key: "expire", Value: at(9 * time.Second)},
		{Key: "v", Value: int32(1)},
		{Key: "state", Value: "held"},
		{Key: "nonce", Value: "A"},
		{Key: "beat", Value: int64(4)},
		{Key: "token", Value: int64(7)},
		{Key: "ttlMs", Value: int64(60000)},
		{Key: "graceMs", Value: int64(5000)},
		{Key: "touched", Value: at(-time.Second)},
		{Key: "holder", Value: bson.D{{Key: "jobUID", Value: "U1"}}},
	}
	var out bson.D
	for _, f := range fields {
		v, changed := change[f.Key]
		switch {
		case !changed:
			out = append(out, f)
		case v != nil:
			out = append(out, bson.E{Key: f.Key, Value: v})
		}
		delete(change, f.Key)
	}
	for k, v := range change {
		out = append(out, bson.E{Key: k, Value: v})
	}
	return out
}

// pythonDoc is a document as mongolock 1.3.4 writes it.
func pythonDoc(key string, locked bool, expire any) bson.D {
	d := bson.D{{Key: "_id", Value: key}, {Key: "locked", Value: locked}, {Key: "owner", Value: "w"}, {Key: "created", Value: time.Now()}, {Key: "expire", Value: expire}}
	if !locked {
		d[2].Value, d[3].Value = nil, nil
	}
	return d
}

func (s *suite) acquireCases(t *testing.T) {
	const (
		won = iota
		held
		done
		format
	)
	from := func(d time.Duration) time.Time { return time.Now().Add(d) }
	grace := short().Grace
	cases := []struct {
		name  string
		doc   func(key string) bson.D
		adopt string
		want  int
	}{
		{"absent", nil, "", won},
		{"python released", func(k string) bson.D { return pythonDoc(k, false, nil) }, "", won},
		{"python forever", func(k string) bson.D { return pythonDoc(k, true, nil) }, "", held},
		{"python live", func(k string) bson.D { return pythonDoc(k, true, from(50*time.Second)) }, "", held},
		{"python inside the grace", func(k string) bson.D { return pythonDoc(k, true, from(-grace/100)) }, "", held},
		{"python past the grace", func(k string) bson.D { return pythonDoc(k, true, from(-grace-10*time.Second)) }, "", won},
		{"python with a string for expire", func(k string) bson.D { return pythonDoc(k, true, "1999-01-01") }, "", format},
		{"ours, live", func(k string) bson.D { return heldDoc(k, nil) }, "", held},
		{"ours, long expired by the clock", func(k string) bson.D { return heldDoc(k, bson.M{"expire": from(-9 * time.Hour)}) }, "", held},
		{"ours, without a beat", func(k string) bson.D { return heldDoc(k, bson.M{"beat": nil}) }, "", held},
		{"ours, a string for a beat", func(k string) bson.D { return heldDoc(k, bson.M{"beat": "4"}) }, "", format},
		{"ours, nonce null, no end", func(k string) bson.D { return heldDoc(k, bson.M{"nonce": bson.Null{}, "expire": from(-9 * time.Hour)}) }, "", format},
		{"ours, nonce gone, expired", func(k string) bson.D { return heldDoc(k, bson.M{"nonce": nil, "expire": from(-9 * time.Hour)}) }, "", format},
		{"ours, unlocked by hand", func(k string) bson.D { return heldDoc(k, bson.M{"locked": false}) }, "", held},
		{"ours, state free by hand", func(k string) bson.D { return heldDoc(k, bson.M{"state": "free"}) }, "", format},
		{"nothing but a token", func(k string) bson.D { return bson.D{{Key: "_id", Value: k}, {Key: "token", Value: int64(7)}} }, "", format},
		{"nothing but an _id", func(k string) bson.D { return bson.D{{Key: "_id", Value: k}} }, "", won},
		{"ours, adopted", func(k string) bson.D { return heldDoc(k, nil) }, "A", won},
		{"ours, adopted after another took it", func(k string) bson.D { return heldDoc(k, bson.M{"nonce": "C"}) }, "A", held},
		{"ours, adopted after it was revoked", func(k string) bson.D { return heldDoc(k, bson.M{"revoked": "A"}) }, "A", held},
		{"free, ours", func(k string) bson.D { return heldDoc(k, bson.M{"locked": false, "state": "free", "nonce": nil}) }, "", won},
		{"free, marked for purging", func(k string) bson.D {
			return heldDoc(k, bson.M{"locked": false, "state": "free", "nonce": nil, "purgeAt": from(time.Hour)})
		}, "", won},
		{"done", func(k string) bson.D {
			return heldDoc(k, bson.M{"state": "done", "nonce": nil, "expire": bson.Null{}, "done": bson.D{{Key: "outcome", Value: "succeeded"}}})
		}, "", done},
		{"done, adopted", func(k string) bson.D { return heldDoc(k, bson.M{"state": "done", "expire": bson.Null{}}) }, "A", done},
		{"done, but python says unlocked", func(k string) bson.D { return heldDoc(k, bson.M{"state": "done", "locked": false, "nonce": nil}) }, "", done},
		{"a later format", func(k string) bson.D { return heldDoc(k, bson.M{"v": int32(2), "locked": false, "state": "free"}) }, "", format},
		{"a token that is no number", func(k string) bson.D { return heldDoc(k, bson.M{"locked": false, "state": "free", "token": "x"}) }, "", format},
		{"a history that is no list", func(k string) bson.D { return heldDoc(k, bson.M{"locked": false, "state": "free", "history": "x"}) }, "", won},
		{"the largest token", func(k string) bson.D {
			return heldDoc(k, bson.M{"locked": false, "state": "free", "token": int64(1<<62 - 1)})
		}, "", format},
		{"the largest token but one", func(k string) bson.D {
			return heldDoc(k, bson.M{"locked": false, "state": "free", "token": int64(1<<62 - 2)})
		}, "", won},
		{"a token from the future", func(k string) bson.D {
			return heldDoc(k, bson.M{"locked": false, "state": "free", "token": time.Now().Add(time.Hour).UnixMilli()})
		}, "", won},
	}
	l := s.locker(t, "b")
	for i, c := range cases {
		key := fmt.Sprintf("case-%d", i)
		var doc bson.D
		if c.doc != nil {
			doc = c.doc(key)
			s.insert(t, doc)
		}
		before := s.raw(t, key)
		var opts []mongolock.AcquireOption
		if c.adopt != "" {
			opts = append(opts, mongolock.Adopt(c.adopt))
		}
		lease, err := l.Try(soon(t), key, opts...)
		var (
			h *mongolock.HeldError
			d *mongolock.DoneError
			f *mongolock.FormatError
		)
		got := map[bool]int{errors.As(err, &h): held, errors.As(err, &d): done, errors.As(err, &f): format, err == nil: won}
		if what, ok := got[true]; !ok || what != c.want {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err != nil {
			if after := s.raw(t, key); !same(before, after) {
				t.Errorf("%s: refused, but the document changed from %v to %v", c.name, before, after)
			}
			continue
		}
		must(t, lease, err)
		after := s.raw(t, key)
		if old, ok := before.Lookup("token").AsInt64OK(); ok && lease.Token() <= old {
			t.Errorf("%s: token %d after %d", c.name, lease.Token(), old)
		}
		if after.Lookup("nonce").StringValue() != lease.Nonce() || after.Lookup("owner").StringValue() != "b" || !after.Lookup("locked").Boolean() {
			t.Errorf("%s: won, but the document is %v", c.name, after)
		}
		if _, err := after.LookupErr("purgeAt"); err == nil {
			t.Errorf("%s: still marked for purging", c.name)
		}
	}
	t.Logf("%d cases", len(cases))
}

// firstInsertRace has many clients acquire keys that have no document yet.
func (s *suite) firstInsertRace(t *testing.T) {
	const keys, contenders = 20, 12
	lockers := make([]*mongolock.Locker, 4)
	for i := range lockers {
		lockers[i] = s.locker(t, fmt.Sprint("racer-", i))
	}
	for k := range keys {
		key := fmt.Sprint("race-", k)
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			wins []*mongolock.Lease
		)
		for i := range contenders {
			wg.Go(func() {
				lease, err := lockers[i%len(lockers)].Try(soon(t), key)
				var h *mongolock.HeldError
				if err != nil && !errors.As(err, &h) {
					t.Error(err)
				}
				if lease != nil {
					mu.Lock()
					wins = append(wins, lease)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(wins) != 1 {
			t.Errorf("%s: %d winners of %d, want 1", key, len(wins), contenders)
		}
		for _, w := range wins {
			if err := w.Release(soon(t)); err != nil {
				t.Error(err)
			}
		}
	}
}

func (s *suite) refusedWritesNothing(t *testing.T) {
	ctx := soon(t)
	a, b := s.locker(t, "a"), s.locker(t, "b")
	lease, err := a.Try(ctx, "quiet", mongolock.TTL(time.Minute))
	must(t, lease, err)
	stream, err := s.coll.Watch(ctx, mongo.Pipeline{}, options.ChangeStream().SetMaxAwaitTime(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close(ctx) }()
	before := s.raw(t, "quiet")
	var held *mongolock.HeldError
	if _, err := b.Try(ctx, "quiet"); !errors.As(err, &held) || held.Info.Owner != "a" {
		t.Fatalf("%v, want held by a", err)
	}
	if !same(before, s.raw(t, "quiet")) {
		t.Error("a refused try changed the document")
	}
	// A write that must show in the stream, behind anything the try may have written.
	s.insert(t, bson.D{{Key: "_id", Value: "quiet-end"}})
	for stream.Next(ctx) {
		id := stream.Current.Lookup("documentKey", "_id").StringValue()
		if id == "quiet" {
			t.Errorf("a refused try made an event: %v", stream.Current)
		}
		if id == "quiet-end" {
			return
		}
	}
	t.Fatal(stream.Err())
}
