package mongolock

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

func bsonKey(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }

// TestP6_AcquireThatArrivesAfterItsRelease: the first request is late, the
// repeat wins and is released, and then the first arrives: it must not take the key again.
func TestP6_AcquireThatArrivesAfterItsRelease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.fault(fakemongo.Verdict{RequestDelay: time.Minute}, func(c sentCall) bool { return c.N == 0 })
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
		must.Do(t, lease.Release(t.Context()))
		time.Sleep(2 * time.Minute)
		if d := w.doc("key"); d.Locked || d.State != stateFree {
			t.Errorf("a ghost: %+v", d)
		}
	})
}

func finishTry(w *world) int64 {
	n, _ := w.cluster.Document(DefaultDatabase+"."+DefaultCollection, "key").Lookup("finishTry").AsInt64OK()
	return n
}

// TestP6_EveryReleaseIsAWrite: a repeat that changed nothing would be
// acknowledged although the first was rolled back. Counted over calls of Release too.
func TestP6_EveryReleaseIsAWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
		w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseReply: c.N == 1} })
		must.Do(t, lease.Release(t.Context()))
		if finishTry(w) != 2 {
			t.Errorf("attempt %d is the last, want 2", finishTry(w))
		}
		for want := int64(3); want < 5; want++ {
			writes := len(w.cluster.Log())
			must.Do(t, lease.Release(t.Context()))
			if finishTry(w) != want || len(w.cluster.Log()) != writes+1 {
				t.Errorf("release %d wrote nothing", want)
			}
		}
	})
}

// TestP6_ReleaseOnAnOldPrimaryIsNotBelieved: it is applied there and never
// acknowledged, the caller tries again later, and only the majority's answer counts.
func TestP6_ReleaseOnAnOldPrimaryIsNotBelieved(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
		w.cluster.Isolate(0)
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			if err := lease.Release(ctx); err == nil {
				t.Error("a release was acknowledged by a primary without its majority")
			}
			cancel()
		}
		w.cluster.Elect(nil)
		w.cluster.Rejoin()
		if d := w.doc("key"); !d.Locked {
			t.Fatal("the release was not rolled back")
		}
		must.Do(t, lease.Release(t.Context()))
		if d := w.doc("key"); d.Locked {
			t.Error("acknowledged, and not there")
		}
	})
}

// TestP9_DoneIsNotClaimedWhereItWasNotWritten: an operator frees the key just
// before the run ends; its record is not written, and nobody is told so.
func TestP9_DoneIsNotClaimedWhereItWasNotWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		must.Get(l.ForceReleaseNow(t.Context(), "key"))(t)
		if err := lease.Finish(t.Context(), Succeeded); !errors.Is(err, ErrLost) {
			t.Errorf("%v, want lost: the document says %s", err, w.doc("key").State)
		}
	})
}

// TestP9_DoneOnAnOldPrimaryIsNoProof: a try that is refused writes nothing, so
// its answer may show a record that is rolled back, and the run with it.
func TestP9_DoneOnAnOldPrimaryIsNoProof(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		lease := kept(t)(a.Try(t.Context(), "key"))
		w.cluster.Isolate(0, 1)
		ctx := within(t, 4*time.Second)
		if err := lease.Finish(ctx, Succeeded); err == nil {
			t.Fatal("acknowledged")
		}
		var done *DoneError
		if _, err := b.Try(t.Context(), "key"); err == nil || errors.As(err, &done) {
			t.Errorf("Try: %v, which no majority has", err)
		}
		ctx = within(t, 10*time.Second)
		var wait *WaitError
		if _, err := b.Acquire(ctx, "key", SkipIfHeld()); !errors.As(err, &wait) {
			t.Errorf("Acquire: %v, want waited", err)
		}
		w.cluster.Rejoin() // nobody was elected: it is committed after all
		if _, err := b.Acquire(t.Context(), "key"); !errors.As(err, &done) {
			t.Errorf("%v, want done", err)
		}
	})
}
