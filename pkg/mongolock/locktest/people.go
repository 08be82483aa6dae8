package locktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

func (s *suite) inspect(t *testing.T) {
	l := s.locker(t, "a", func(o *mongolock.Options) { o.Holder = mongolock.Holder{Cluster: "c1", Namespace: "ns", Pod: "a"} })
	if _, err := l.Info(soon(t), "inspect/1"); !errors.Is(err, mongolock.ErrNoLock) {
		t.Errorf("nothing there: %v", err)
	}
	if locked, err := l.IsLocked(soon(t), "inspect/1"); err != nil || locked {
		t.Errorf("nothing there: %v, %v", locked, err)
	}
	one, err := l.Try(soon(t), "inspect/1")
	must(t, one, err)
	two, err := l.Try(soon(t), "inspect/2")
	must(t, two, err)
	i, err := l.Info(soon(t), "inspect/1")
	if err != nil || i.Owner != "a" || i.Token != one.Token() || i.State != "held" || i.Where() != "cluster c1, pod ns/a" || i.Expire.Before(i.Created) {
		t.Errorf("%+v, %v", i, err)
	}
	if locked, err := l.IsLocked(soon(t), "inspect/1"); err != nil || !locked {
		t.Errorf("%v, %v", locked, err)
	}
	list, err := l.List(soon(t), "inspect/", 0)
	if err != nil || len(list) != 2 || list[0].Key != "inspect/1" || list[1].Key != "inspect/2" {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := l.List(soon(t), "inspect/", 1); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	for range 14 {
		if err := two.Release(soon(t)); err != nil {
			t.Fatal(err)
		}
		two, err = l.Try(soon(t), "inspect/2")
		must(t, two, err)
	}
	h, err := l.History(soon(t), "inspect/2")
	if err != nil || len(h) != 10 || h[9].Token != two.Token() || !slices.IsSortedFunc(h, func(a, b mongolock.HandOver) int { return int(a.Token - b.Token) }) {
		t.Errorf("%d entries: %+v, %v", len(h), h, err)
	}
	now, err := l.ServerTime(soon(t))
	if d := time.Since(now).Abs(); err != nil || d > time.Minute {
		t.Errorf("the server's clock is %v off, %v", d, err)
	}
}

func (s *suite) purgeMarks(t *testing.T) {
	l := s.locker(t, "a")
	for key, touched := range map[string]time.Duration{"purge@old": -3 * time.Hour, "purge@new": -time.Minute} {
		s.insert(t, heldDoc(key, bson.M{"touched": time.Now().Add(touched)}))
	}
	n, err := l.MarkAbandoned(soon(t), "purge@", time.Hour)
	if err != nil || n != 1 {
		t.Fatalf("marked %d, %v; want 1", n, err)
	}
	if s.raw(t, "purge@old").Lookup("purgeAt").Type != bson.TypeDateTime {
		t.Error("the old one is not marked")
	}
	if _, err := s.raw(t, "purge@new").LookupErr("purgeAt"); err == nil {
		t.Error("the new one is marked")
	}
	// Who lives again after it was marked must not be purged.
	lease, err := l.Try(soon(t), "purge@alive")
	must(t, lease, err)
	s.set(t, "purge@alive", bson.D{{Key: "purgeAt", Value: time.Now()}})
	if err := lease.Renew(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.raw(t, "purge@alive").LookupErr("purgeAt"); err == nil {
		t.Error("a renewed lease is still marked")
	}
	if _, err := l.MarkAbandoned(soon(t), "", time.Hour); !errors.Is(err, mongolock.ErrConfig) {
		t.Errorf("every key of the collection: %v", err)
	}
}

func (s *suite) with(t *testing.T) {
	a, b := s.locker(t, "a"), s.locker(t, "b")
	err := a.With(soon(t), "with", func(ctx context.Context) error {
		err := b.With(ctx, "with", func(context.Context) error { t.Error("both ran"); return nil })
		var held *mongolock.HeldError
		if !errors.As(err, &held) || held.Info.Owner != "a" || !strings.Contains(err.Error(), `"with" is held by a since `) || !strings.Contains(err.Error(), " until ") {
			t.Errorf("%v, want who holds it, since when and until when", err)
		}
		// Somebody takes it: the work is told, with the reason.
		s.set(t, "with", bson.D{{Key: "nonce", Value: "other"}})
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if !errors.Is(err, mongolock.ErrLost) {
		t.Errorf("%v, want the loss", err)
	}
	if err := a.With(soon(t), "with-2", func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	if locked, err := a.IsLocked(soon(t), "with-2"); err != nil || locked {
		t.Errorf("still locked: %v, %v", locked, err)
	}
}

func (s *suite) fence(t *testing.T) {
	work := s.coll.Database().Collection("work")
	if _, err := work.InsertOne(soon(t), bson.D{{Key: "_id", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	write := func(token int64, by string) int64 {
		f := mongolock.Fence(token)
		r, err := work.UpdateOne(soon(t), f.Filter(bson.D{{Key: "_id", Value: 1}}), f.Update(bson.D{{Key: "$set", Value: bson.D{{Key: "by", Value: by}}}}))
		if err != nil {
			t.Fatal(err)
		}
		return r.MatchedCount
	}
	for i, c := range []struct {
		token int64
		want  int64
	}{{5, 1}, {7, 1}, {5, 0}, {7, 1}, {6, 0}, {8, 1}} {
		if got := write(c.token, "x"); got != c.want {
			t.Errorf("write %d with token %d matched %d, want %d", i, c.token, got, c.want)
		}
	}
	lease, err := s.locker(t, "a").Try(soon(t), "fence")
	must(t, lease, err)
	if err := lease.IsHeld(soon(t)); err != nil {
		t.Error(err)
	}
	s.set(t, "fence", bson.D{{Key: "nonce", Value: "other"}})
	if err := lease.IsHeld(soon(t)); !errors.Is(err, mongolock.ErrLost) {
		t.Errorf("%v, want lost", err)
	}
}

func (s *suite) storeAndCheck(t *testing.T) {
	l := s.locker(t, "a", func(o *mongolock.Options) { o.Keep = time.Hour })
	one, err := l.Store(soon(t))
	if err != nil || one.Fingerprint == "" || one.Version == "" || one.Kind == "" {
		t.Fatalf("%+v, %v", one, err)
	}
	two, err := s.locker(t, "b").Store(soon(t))
	if err != nil || two.Fingerprint != one.Fingerprint {
		t.Errorf("%+v, %v; want the fingerprint %s", two, err, one.Fingerprint)
	}
	s.insert(t, heldDoc("check-never", bson.M{"ttlMs": nil}))
	found := func(text string) bool {
		st, err := l.Check(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(st.Findings, func(f mongolock.Finding) bool { return strings.Contains(f.Message, text) })
	}
	if !found("nobody may ever take it over") {
		t.Error("a lock that can never be taken over is not reported")
	}
	if !found("no TTL index") {
		t.Error("the missing index is not reported")
	}
	if err := l.CreateIndex(soon(t)); err != nil {
		t.Fatal(err)
	}
	if found("no TTL index") {
		t.Error("the index is there, and reported as missing")
	}
	lease, err := l.Try(soon(t), "after-index")
	must(t, lease, err)
	if err := lease.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
}
