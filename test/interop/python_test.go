package interop

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
)

// TestTakingTurns: acquire, refuse, touch, release, each side against the other.
func TestTakingTurns(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go")
		if !py.lock("key", "py", 60) {
			t.Fatal("Python did not get a new key")
		}
		var held *mongolock.HeldError
		if _, err := l.Try(soon(t), "key"); !errors.As(err, &held) || held.Info.Owner != "py" || held.Info.Expire.IsZero() {
			t.Errorf("%v, want held by py with its end", err)
		}
		before := held.Info.Expire
		py.call("touch", args{"key": "key", "owner": "py", "expire": 600})
		if _, err := l.Try(soon(t), "key"); !errors.As(err, &held) || held.Info.Expire.Sub(before) < 8*time.Minute {
			t.Errorf("after its touch: %v", err)
		}
		py.release("key", "py")
		lease, err := l.Try(soon(t), "key")
		released(t, lease, err)

		if py.lock("key", "py", 60) {
			t.Error("Python took a key that is held")
		}
		if py.call("lock", args{"key": "key", "owner": "py", "expire": 60, "timeout": 0.3}) == true {
			t.Error("Python took a key that is held, waiting")
		}
		if py.call("is_locked", args{"key": "key"}) != true {
			t.Error("Python does not see it locked")
		}
		info, _ := py.call("info", args{"key": "key"}).(map[string]any)
		if info["owner"] != "go" || info["locked"] != true || info["expire"] == nil || info["created"] == nil {
			t.Errorf("Python reads %v", info)
		}
		var raised *pyError
		if _, err := py.try("held", args{"key": "key", "owner": "py", "expire": 1}); !errors.As(err, &raised) || raised.class != "MongoLockLocked" || !strings.Contains(raised.text, "owned by go since 20") {
			t.Errorf("Python's context manager: %v", err)
		}
		// Not its owner's name: Python's release touches nothing of ours.
		py.release("key", "py")
		if err := lease.Renew(soon(t)); err != nil {
			t.Error(err)
		}
		must.Do(t, lease.Release(soon(t)))
		if py.call("is_locked", args{"key": "key"}) != false {
			t.Error("Python sees a released key locked")
		}
		if !py.lock("key", "py", 60) {
			t.Error("Python did not get a released key")
		}
		py.release("key", "py")
		if py.call("held", args{"key": "key", "owner": "py", "expire": 60}) != true {
			t.Error("Python's context manager did not get a free key")
		}
	})
}

// TestPythonHolderExpires: it is replaced when its end and our grace are past, not before.
func TestPythonHolderExpires(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go")
		if !py.lock("key", "py", 1) {
			t.Fatal("not acquired")
		}
		end, _ := m.doc(t, "key")["expire"].(bson.DateTime)
		lease, err := l.Acquire(soon(t), "key")
		took := time.Now()
		released(t, lease, err)
		if earliest := end.Time().Add(timing().Grace); took.Before(earliest) {
			t.Errorf("taken %v before its end and our grace", earliest.Sub(took))
		}
		if h, err := l.History(soon(t), "key"); err != nil || len(h) != 1 || h[0].How != "expired" {
			t.Errorf("%+v, %v", h, err)
		}
		// The worker still believes in its lock; the library's release asks for the owner's name only, which is ours now.
		py.release("key", "py")
		if err := lease.Renew(soon(t)); err != nil {
			t.Errorf("after the late release of the one before: %v", err)
		}
	})
}

// TestPythonHolderWithoutAnEnd is never replaced.
func TestPythonHolderWithoutAnEnd(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go")
		if !py.lock("key", "py", nil) {
			t.Fatal("not acquired")
		}
		must.Get(m.coll.UpdateByID(t.Context(), "key", bson.D{{Key: "$set", Value: bson.D{{Key: "created", Value: time.Unix(0, 0)}}}}))(t)
		var held *mongolock.HeldError
		if _, err := l.Try(soon(t), "key"); !errors.As(err, &held) || !strings.Contains(held.Error(), "without an end") {
			t.Errorf("%v, want held without an end", err)
		}
		if _, err := l.Revoke(soon(t), "key"); err == nil || !strings.Contains(err.Error(), "Python") {
			t.Errorf("revoking it: %v", err)
		}
		py.release("key", "py")
		lease, err := l.Try(soon(t), "key")
		released(t, lease, err)
	})
}

// TestPythonKeepsOurGrace: the expire that we write has the grace in it, so
// that Python takes over from one of ours that crashed no sooner than we would.
func TestPythonKeepsOurGrace(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py := m.worker(t)
		crashed := m.locker(t, "go")
		lease := must.Get(crashed.Try(soon(t), "key"))(t)
		end := func(after string) time.Time {
			doc := m.doc(t, "key")
			touched, _ := doc["touched"].(bson.DateTime)
			expire, _ := doc["expire"].(bson.DateTime)
			if got := expire.Time().Sub(touched.Time()); got != timing().Silence() {
				t.Errorf("after %s: expire is %v after touched, want ttl + grace = %v", after, got, timing().Silence())
			}
			return expire.Time()
		}
		end("the acquisition")
		must.Do(t, lease.Renew(soon(t)))
		// Without its client it renews no more, as after a crash.
		must.Do(t, crashed.Close(soon(t)))
		<-lease.Done()
		expire := end("a renewal")
		if py.lock("key", "py", 60) {
			t.Error("Python took it within our ttl and grace")
		}
		if py.call("lock", args{"key": "key", "owner": "py", "expire": 60, "timeout": 30}) != true {
			t.Fatal("Python never took over")
		}
		if early := time.Until(expire); early > 0 {
			t.Errorf("Python took over %v early", early)
		}
	})
}

// TestWhatPythonStripsIsSurvived: it replaces whole documents when it takes over and when it releases.
func TestWhatPythonStripsIsSurvived(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go")
		last := int64(0)
		for round := range 3 {
			// A process without memory each time: only the document and the server's clock carry the token on.
			lease, err := m.locker(t, "go").Try(soon(t), "key")
			released(t, lease, err)
			if lease.Token() <= last {
				t.Errorf("round %d: token %d after %d", round, lease.Token(), last)
			}
			last = lease.Token()
			must.Do(t, lease.Release(soon(t)))
			if !py.lock("key", "py", 60) {
				t.Fatal("Python did not get a released key")
			}
			for _, field := range []string{"nonce", "token", "history", "state", "v", "lastNonce"} {
				if _, there := m.doc(t, "key")[field]; there {
					t.Errorf("Python left %s: this test shows nothing", field)
				}
			}
			if i, err := l.Info(soon(t), "key"); err != nil || i.Owner != "py" || i.State != "held" || i.Token != 0 {
				t.Errorf("%+v, %v", i, err)
			}
			py.release("key", "py")
		}
		if st, err := l.Check(soon(t)); err != nil || len(st.Findings) > 1 {
			t.Errorf("check finds fault with Python's documents: %+v, %v", st.Findings, err)
		}
	})
}

// TestHolderNoticesThatPythonReplacedIt: a worker whose clock is ahead robs a
// living holder, which is why keys shared with Python are as safe as all clocks. The holder hears of it at its next renewal.
func TestHolderNoticesThatPythonReplacedIt(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go")
		lease, err := l.Try(soon(t), "key")
		released(t, lease, err)
		py.call("set_clock", args{"seconds": 3600})
		if !py.lock("key", "py", 7200) {
			t.Fatal("a worker with a clock that is an hour ahead was kept out")
		}
		select {
		case <-lease.Done():
		case <-time.After(timing().TTL):
			t.Fatal("the holder did not notice")
		}
		var lost *mongolock.LostError
		if !errors.As(lease.Err(), &lost) || lost.Reason != mongolock.LostTaken {
			t.Error(lease.Err())
		}
		// What it does when its work has ended harms nobody.
		before := m.doc(t, "key")
		if err := lease.Finish(soon(t), mongolock.Succeeded); !errors.Is(err, mongolock.ErrLost) {
			t.Errorf("finished with %v", err)
		}
		if after := m.doc(t, "key"); after["owner"] != "py" || len(after) != len(before) {
			t.Errorf("the worker's document was changed to %v", after)
		}
		py.release("key", "py")
		next, err := m.locker(t, "go").Try(soon(t), "key")
		released(t, next, err)
		if next.Token() <= lease.Token() {
			t.Errorf("token %d after %d", next.Token(), lease.Token())
		}
	})
}

func TestDoneKeepsPythonOut(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "go", func(o *mongolock.Options) { o.Keep = time.Hour; o.FailedHold = true; o.Holder.JobUID = "J" })
		for key, outcome := range map[string]mongolock.Outcome{"run@1": mongolock.Succeeded, "run@2": mongolock.Failed} {
			lease, err := l.Try(soon(t), key)
			released(t, lease, err)
			must.Do(t, lease.Finish(soon(t), outcome))
			py.call("set_clock", args{"seconds": 1e6})
			if py.lock(key, "py", 60) || py.call("lock", args{"key": key, "owner": "py", "expire": 60, "timeout": 0.3}) == true {
				t.Errorf("%s: Python ran what was done", key)
			}
			if py.call("is_locked", args{"key": key}) != true {
				t.Errorf("%s: Python sees it free", key)
			}
			if d := m.doc(t, key); d["state"] != "done" {
				t.Errorf("%s: %v", key, d)
			}
		}
	})
}

// TestPythonReleasesByTheOwnersNameOnly: a worker with the name of ours frees what ours holds. Names must differ.
func TestPythonReleasesByTheOwnersNameOnly(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		py, l := m.worker(t), m.locker(t, "same")
		lease, err := l.Try(soon(t), "key")
		released(t, lease, err)
		py.release("key", "same")
		if err := lease.Renew(soon(t)); !errors.Is(err, mongolock.ErrLost) {
			t.Errorf("%v, want lost", err)
		}
	})
}
