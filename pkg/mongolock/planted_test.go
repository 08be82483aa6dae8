package mongolock

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// Bugs that were planted from outside and survived every other test.

// TestP4_RefusalAfterAnUnknownCall: the first try was applied and its answer lost, then the right is taken away. What the
// first one did is undone once that is possible, and not left behind as a ghost.
func TestP4_RefusalAfterAnUnknownCall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict {
			switch {
			case c.N == 0:
				return fakemongo.Verdict{LoseReply: true}
			case c.Upsert:
				return fakemongo.Verdict{Code: 13}
			}
			return fakemongo.Verdict{}
		})
		if _, err := w.locker(t, 0).Try(t.Context(), "key"); err == nil {
			t.Fatal("acquired")
		}
		if d := w.doc("key"); d == nil || d.Locked {
			t.Errorf("a ghost was left: %+v", d)
		}
	})
}

// TestP9_PairTellsOfTheJobsRenewals: the deadline of a pair moves with either lease, and whoever follows it is told.
func TestP9_PairTellsOfTheJobsRenewals(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		p := must.Get(w.locker(t, 0).AcquireAlone(t.Context(), "k@1", "k"))(t)
		defer func() { _ = p.Finish(t.Context(), Released) }()
		time.Sleep(time.Second)
		select {
		case <-p.Renewed(): // of the acquisitions
		default:
		}
		for name, s := range map[string]*Lease{"run": p.Run, "job": p.Job} {
			select {
			case <-p.Renewed():
				t.Fatal("told of a renewal that was not")
			default:
			}
			must.Do(t, s.Renew(t.Context()))
			time.Sleep(time.Millisecond)
			select {
			case <-p.Renewed():
			default:
				t.Errorf("nobody was told of the renewal of the %s's key", name)
			}
		}
	})
}

// TestP9_SkipAsksForTheJob: a moving holder lets a run be skipped, unless it is of the same Job; where neither is of a Job, it does.
func TestP9_SkipAsksForTheJob(t *testing.T) {
	for name, c := range map[string]struct {
		holder, challenger string
		skips              bool
	}{
		"another job": {"J1", "J2", true}, "the same job": {"J1", "J1", false}, "no job at all": {"", "", true},
		"only the holder": {"J1", "", true}, "only the challenger": {"", "J1", true},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			lease := kept(t)(w.locker(t, 0, func(o *Options) { o.Holder.JobUID = c.holder }).Try(t.Context(), "key"))
			go func() { // so that who waits for it gets an end
				time.Sleep(time.Minute)
				release(t, lease)
			}()
			next, err := w.locker(t, 1, func(o *Options) { o.Holder.JobUID = c.challenger }).Acquire(t.Context(), "key", SkipIfHeld())
			var held *HeldError
			if skipped := errors.As(err, &held); skipped != c.skips || skipped && !held.Moving {
				t.Errorf("%v, skipped %v, want %v", err, skipped, c.skips)
			}
			if next != nil {
				release(t, next)
			}
			if w.Now() < time.Minute {
				time.Sleep(time.Minute)
			}
		})
	}
}

// TestP9_AnotherNonceBeginsAtItsOwnBeat: what is known of an earlier nonce's beats is no measure for the next one's.
func TestP9_AnotherNonceBeginsAtItsOwnBeat(t *testing.T) {
	w, c := newWatch()
	for _, look := range []struct {
		nonce string
		beat  int64
		moved bool
	}{{"A", 1000, false}, {"A", 1001, true}, {"B", 1, false}, {"B", 2, true}, {"B", 2, true}, {"C", 0, false}, {"C", 1, true}} {
		c.now += time.Second
		w.saw("k", holder(look.nonce, look.beat))
		if got := w.moved("k"); got != look.moved {
			t.Errorf("nonce %s, beat %d: moved %v, want %v", look.nonce, look.beat, got, look.moved)
		}
	}
}

// TestP7_TokenSeenOfAnotherNonce: the highest token is kept whoever held the key.
func TestP7_TokenSeenOfAnotherNonce(t *testing.T) {
	w, _ := newWatch()
	for i, token := range []int64{70, 90, 80} {
		d := holder(string(rune('A'+i)), 1)
		d.Token = token
		w.saw("k", d)
	}
	if got := w.token("k"); got != 90 {
		t.Errorf("%d, want 90", got)
	}
}

// TestP6_OnlyWhatIsHeldIsEnded: somebody has freed the key, or marked it as done, by hand and left the nonce. It is not the
// lease's any more, and its end does not write over that.
func TestP6_OnlyWhatIsHeldIsEnded(t *testing.T) {
	for state, locked := range map[string]bool{stateFree: false, stateDone: true} {
		for name, outcome := range map[string]Outcome{"released": Released, "succeeded": Succeeded} {
			runInBubble(t, state+" "+name, func(t *testing.T, w *world) {
				l := w.locker(t, 0)
				lease := kept(t)(l.Try(t.Context(), "key"))
				change := bson.D{{Key: "$set", Value: bson.D{{Key: "state", Value: state}, {Key: "locked", Value: locked}}}}
				must.Get(l.conn.current().coll.UpdateOne(t.Context(), bsonKey("key"), change))(t)
				writes := len(w.cluster.Log())
				if err := lease.Finish(t.Context(), outcome); !errors.Is(err, ErrLost) {
					t.Errorf("%v, want lost", err)
				}
				if n := len(w.cluster.Log()) - writes; n != 0 {
					t.Errorf("%d writes to a document that the lease does not hold", n)
				}
			})
		}
	}
}

// What is read for a decision is read of the primary; what is read for people goes where the URI says.
func TestP1_DecisionsReadThePrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		client := func(c *options.ClientOptions) { c.SetDialer(w.cluster.Dialer(1)).SetServerMonitoringMode("poll") }
		l := must.Get(Connect("mongodb://fakemongo:27017/?replicaSet=rs&readPreference=secondaryPreferred", Options{Owner: "b", Clock: w, testOnlyClient: client}))(t)
		defer func() { must.Do(t, l.Close(context.Background())) }()
		kept(t)(w.locker(t, 0).Try(t.Context(), "k"))

		wait, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := l.Acquire(wait, "k"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("acquired with %v", err)
		}
		decisions := len(w.sent(1))
		must.Get(l.Info(t.Context(), "k"))(t)
		reads, elsewhere := 0, 0
		for i, c := range w.sent(1) {
			if c.Command != "find" {
				continue
			}
			mode := find(c.Body, "mode")
			if i < decisions {
				reads++
				if mode != "" && mode != "primary" {
					t.Errorf("a decision reads with %s", mode)
				}
			} else if mode == "secondaryPreferred" {
				elsewhere++
			}
		}
		if reads < 5 || elsewhere != 1 {
			t.Errorf("%d reads for decisions, %d for people with the URI's preference; want several and 1", reads, elsewhere)
		}
	})
}

// A watch may be old when it is used: a process that looked once, and comes
// again after the holder's silence, has seen nothing stand still. The server decides by the beat.
func TestP3_WatchThatNobodyFedTakesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "k"))
		challenger := w.locker(t, 1)
		for range 3 {
			var held *HeldError
			if lease, err := challenger.Try(t.Context(), "k"); !errors.As(err, &held) {
				t.Fatalf("a living holder was robbed: %v, %v", lease, err)
			}
			time.Sleep(lease.timing.Silence() + time.Minute)
		}
		if !lease.Held() {
			t.Error("lost")
		}
	})
}

// Requests may be under way for long: what a reply shows was seen when it
// arrived, and a holder may have renewed while the read was on its way.
func TestP3_WatchCountsFromTheReply(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const way = 5 * time.Second
		held := kept(t)(w.locker(t, 0).Try(t.Context(), "k"))
		w.fault(fakemongo.Verdict{RequestDelay: way}, func(c sentCall) bool { return c.Process == 1 && c.Command == "find" && c.At < 2*held.timing.Heartbeat })
		renewed := held.timing.Heartbeat
		time.AfterFunc(renewed+time.Second, func() { w.cluster.Cut(0, true) })
		kept(t)(w.locker(t, 1).Acquire(t.Context(), "k"))
		w.cluster.Cut(0, false)

		var shown, taken time.Duration
		for _, c := range w.sent(1) {
			if reply := c.At + way; c.Command == "find" && shown == 0 && reply >= renewed {
				shown = reply
			}
			if c.Upsert {
				taken = c.At
			}
		}
		if shown == 0 || taken < shown+held.timing.Silence() {
			t.Errorf("taken at %v, want %v after %v, when the holder's last renewal was shown", taken, held.timing.Silence(), shown)
		}
	})
}

// Who waits for the job's key must find the run's record when it gets it.
func TestP9_RecordIsWrittenBeforeTheJobIsFree(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		pair := must.Get(w.locker(t, 0).AcquireAlone(t.Context(), "k@1", "k"))(t)
		must.Do(t, pair.Finish(t.Context(), Succeeded))
		var ends []string
		for _, e := range w.cluster.Log() {
			if d := decode(e.After); d.State != stateHeld {
				ends = append(ends, d.Key+" "+d.State)
			}
		}
		if want := []string{"k@1 done", "k free"}; !slices.Equal(ends, want) {
			t.Errorf("ended as %q, want %q", ends, want)
		}
	})
}

// The driver repeats nothing behind our back: every try is seen, and only we know which answer belongs to which.
func TestP4_RepeatsAreOursAndVisible(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{Reset: c.Upsert && c.N == 0} })
		kept(t)(w.locker(t, 0).Try(t.Context(), "k"))
		if unknown := w.seen(EventUnknown); len(unknown) != 1 || unknown[0].Call != "acquire" {
			t.Errorf("told of %v, want one acquire that was not acknowledged", unknown)
		}
		for _, c := range w.sent(0) {
			for _, e := range c.Body {
				if e.Key == "txnNumber" {
					t.Errorf("%s is sent as a retryable write", c.Command)
				}
			}
		}
	})
}
