package mongolock

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

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
		w.on(func(c sentCall) fakemongo.Verdict {
			if c.Process == 1 && c.Command == "find" && c.At < 2*held.timing.Heartbeat {
				return fakemongo.Verdict{RequestDelay: way}
			}
			return fakemongo.Verdict{}
		})
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
