package locktest

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

func (s *suite) renewals(t *testing.T) {
	l := s.locker(t, "a")
	lease, err := l.Try(soon(t), "renew")
	must(t, lease, err)
	before, nonce := lease.Deadline(), s.raw(t, "renew").Lookup("nonce").StringValue()
	for want := int64(1); want <= 2; want++ {
		if err := lease.Renew(soon(t)); err != nil {
			t.Fatal(err)
		}
		if got := s.raw(t, "renew").Lookup("beat").AsInt64(); got < want {
			t.Errorf("beat %d after %d renewals", got, want)
		}
	}
	if lease.Deadline() <= before {
		t.Error("the deadline did not move")
	}
	doc := s.raw(t, "renew")
	if doc.Lookup("nonce").StringValue() != nonce {
		t.Error("a renewal changed the nonce")
	}
	select {
	case <-lease.Renewed():
	default:
		t.Error("nobody was told")
	}
}

func (s *suite) lost(t *testing.T, lease *mongolock.Lease, want mongolock.LossReason) {
	t.Helper()
	select {
	case <-lease.Done():
	case <-time.After(short().TTL):
		t.Fatal("not lost within a ttl")
	}
	var lost *mongolock.LostError
	if err := lease.Err(); !errors.As(err, &lost) || !errors.Is(err, mongolock.ErrLost) || lost.Reason != want {
		t.Errorf("lost with %v, want the reason %s", err, want)
	}
	if lease.Held() || lease.Remaining() > 0 {
		t.Error("still held")
	}
}

func (s *suite) takenIsLost(t *testing.T) {
	lease, err := s.locker(t, "a").Try(soon(t), "taken")
	must(t, lease, err)
	s.set(t, "taken", bson.D{{Key: "nonce", Value: "somebody-else"}})
	s.lost(t, lease, mongolock.LostTaken)
}

func (s *suite) deletedIsLost(t *testing.T) {
	lease, err := s.locker(t, "a").Try(soon(t), "deleted")
	must(t, lease, err)
	if err := s.store.Delete(soon(t), "deleted"); err != nil {
		t.Fatal(err)
	}
	s.lost(t, lease, mongolock.LostTaken)
}

// expiredStillRenewed: as long as the nonce stands nobody else holds the key, whatever the clocks say.
func (s *suite) expiredStillRenewed(t *testing.T) {
	lease, err := s.locker(t, "a").Try(soon(t), "late", mongolock.TTL(time.Minute))
	must(t, lease, err)
	// As if the clock of the server that took the last renewal had been that far behind.
	touched := time.Unix(0, 0)
	s.set(t, "late", bson.D{{Key: "touched", Value: touched}, {Key: "expire", Value: touched.Add(mongolock.Timing{TTL: time.Minute}.WithDefaults().Silence())}})
	if err := lease.Renew(soon(t)); err != nil {
		t.Errorf("%v, want renewed", err)
	}
}

func (s *suite) releaseKeepsNonce(t *testing.T) {
	l := s.locker(t, "a")
	lease, err := l.Try(soon(t), "release")
	must(t, lease, err)
	if err := lease.Release(soon(t)); err != nil {
		t.Fatal(err)
	}
	doc := s.raw(t, "release")
	if doc.Lookup("locked").Boolean() || doc.Lookup("state").StringValue() != "free" || doc.Lookup("lastNonce").StringValue() != lease.Nonce() {
		t.Errorf("released as %v", doc)
	}
	for _, gone := range []string{"nonce", "holder", "beat"} {
		if _, err := doc.LookupErr(gone); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	if doc.Lookup("token").AsInt64() != lease.Token() {
		t.Error("the token is lost")
	}
	if !errors.Is(lease.Err(), mongolock.ErrFinished) {
		t.Errorf("ended with %v", lease.Err())
	}
	// A repeated release finds its nonce and writes, so that its acknowledgement is a majority's.
	again := s.raw(t, "release").Lookup("finishTry").AsInt64()
	if err := lease.Release(soon(t)); err != nil {
		t.Errorf("again: %v", err)
	}
	if again != 1 {
		t.Errorf("attempt %d, want 1", again)
	}
}

func (s *suite) releaseOfAnother(t *testing.T) {
	lease, err := s.locker(t, "a").Try(soon(t), "late-release", mongolock.TTL(time.Minute))
	must(t, lease, err)
	s.set(t, "late-release", bson.D{{Key: "nonce", Value: "B"}, {Key: "owner", Value: "b"}})
	before := s.raw(t, "late-release")
	var lost *mongolock.LostError
	if err := lease.Release(soon(t)); !errors.As(err, &lost) {
		t.Errorf("%v, want lost", err)
	}
	if !same(before, s.raw(t, "late-release")) {
		t.Error("a late release changed somebody else's lease")
	}
}

func (s *suite) tokensGrow(t *testing.T) {
	l := s.locker(t, "a")
	last := int64(0)
	for i := range 6 {
		lease, err := l.Try(soon(t), "tokens")
		must(t, lease, err)
		if lease.Token() <= last {
			t.Errorf("token %d after %d", lease.Token(), last)
		}
		last = lease.Token()
		if err := lease.Release(soon(t)); err != nil {
			t.Fatal(err)
		}
		switch i {
		case 1: // a token ahead of every clock is not gone back from
			last = time.Now().Add(24 * time.Hour).UnixMilli()
			s.set(t, "tokens", bson.D{{Key: "token", Value: last}})
		case 3: // a deletion: this process remembers
			if err := s.store.Delete(soon(t), "tokens"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (s *suite) adoption(t *testing.T) {
	a, b := s.locker(t, "pod"), s.locker(t, "pod")
	var sent []string
	keep := mongolock.OnNonce(func(n string) error { sent = append(sent, n); return nil })
	old, err := a.Try(soon(t), "adopt", mongolock.TTL(time.Minute), keep)
	must(t, old, err)
	if len(sent) != 1 || sent[0] != old.Nonce() {
		t.Fatalf("told of %v, acquired with %s", sent, old.Nonce())
	}
	lease, err := b.Acquire(soon(t), "adopt", mongolock.Adopt("no-such", old.Nonce()), mongolock.TTL(time.Minute))
	must(t, lease, err)
	if lease.Token() <= old.Token() {
		t.Errorf("token %d after %d", lease.Token(), old.Token())
	}
	// The old process, if it still lives, has lost it.
	var lost *mongolock.LostError
	if err := old.Renew(soon(t)); !errors.As(err, &lost) {
		t.Errorf("the old lease: %v", err)
	}
	// A revoked nonce is not adopted.
	if _, err := b.Revoke(soon(t), "adopt"); err != nil {
		t.Fatal(err)
	}
	var held *mongolock.HeldError
	if _, err := a.Try(soon(t), "adopt", mongolock.Adopt(lease.Nonce())); !errors.As(err, &held) {
		t.Errorf("a revoked nonce: %v, want held", err)
	}
}

func (s *suite) namesDoNotAdopt(t *testing.T) {
	same := func(o *mongolock.Options) { o.Holder = mongolock.Holder{Pod: "p", PodUID: "u", JobUID: "j"} }
	lease, err := s.locker(t, "pod", same).Try(soon(t), "names", mongolock.TTL(time.Minute))
	must(t, lease, err)
	var held *mongolock.HeldError
	if _, err := s.locker(t, "pod", same).Try(soon(t), "names"); !errors.As(err, &held) {
		t.Errorf("%v, want held", err)
	}
}

func (s *suite) revoke(t *testing.T) {
	l := s.locker(t, "a")
	lease, err := l.Try(soon(t), "revoke")
	must(t, lease, err)
	info, err := s.locker(t, "operator").Revoke(soon(t), "revoke")
	if err != nil || !info.Revoked || info.Owner != "a" {
		t.Fatalf("%+v, %v", info, err)
	}
	s.lost(t, lease, mongolock.LostRevoked)
	// The key is the holder's until it says that its work has ended.
	var held *mongolock.HeldError
	if _, err := l.Try(soon(t), "revoke"); !errors.As(err, &held) {
		t.Errorf("before the release: %v, want held", err)
	}
	if err := lease.Release(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Revoke(soon(t), "revoke"); !errors.Is(err, mongolock.ErrNotHeld) || errors.Is(err, mongolock.ErrNoLock) {
		t.Errorf("revoking what is free: %v", err)
	}
	next, err := l.Try(soon(t), "revoke")
	must(t, next, err)
	if err := next.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
	if i, err := l.Revoke(soon(t), "revoke"); !errors.Is(err, mongolock.ErrNotHeld) || i.State != "done" {
		t.Errorf("revoking what is done: %+v, %v", i, err)
	}
	if _, err := l.Revoke(soon(t), "nothing"); !errors.Is(err, mongolock.ErrNoLock) {
		t.Errorf("revoking nothing: %v", err)
	}
}

func (s *suite) forceNow(t *testing.T) {
	l := s.locker(t, "a")
	lease, err := l.Try(soon(t), "force")
	must(t, lease, err)
	if i, err := l.ForceReleaseNow(soon(t), "force"); err != nil || i.Locked {
		t.Fatalf("%+v, %v", i, err)
	}
	next, err := s.locker(t, "b").Try(soon(t), "force")
	must(t, next, err)
	if next.Token() <= lease.Token() {
		t.Errorf("token %d after %d", next.Token(), lease.Token())
	}
	s.lost(t, lease, mongolock.LostTaken)
	if err := next.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
	if i, err := l.ForceReleaseNow(soon(t), "force"); err != nil || i.State != "free" {
		t.Fatalf("a done record: %+v, %v", i, err)
	}
	// A document of a later format is nobody's to change.
	s.insert(t, heldDoc("force-v2", bson.M{"v": int32(2)}))
	before := s.raw(t, "force-v2")
	var format *mongolock.FormatError
	if _, err := l.ForceReleaseNow(soon(t), "force-v2"); !errors.As(err, &format) {
		t.Errorf("forcing a later format: %v", err)
	}
	if _, err := l.Revoke(soon(t), "force-v2"); !errors.As(err, &format) {
		t.Errorf("revoking a later format: %v", err)
	}
	if !same(before, s.raw(t, "force-v2")) {
		t.Error("a later format was changed")
	}
}
