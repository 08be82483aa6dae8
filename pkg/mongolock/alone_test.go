package mongolock

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

func TestP9_JobsKeyLostWhileTheRunIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		run := kept(t)(b.Try(t.Context(), "job@1"))
		go func() {
			time.Sleep(20 * time.Second)
			if _, err := b.ForceReleaseNow(context.Background(), "job"); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * a.Timing().TTL)
			if d := w.doc("job"); d == nil || !d.Locked {
				t.Errorf("the job's key is not waited for again: %+v", d)
			}
			release(t, run)
		}()
		// Nothing had begun under the key that was lost: both are waited for again.
		pair := must.Get(a.AcquireAlone(t.Context(), "job@1", "job"))(t)
		if lost := w.seen(EventLost); len(lost) != 1 || lost[0].Key != "job" || lost[0].Token >= pair.Token() {
			t.Errorf("lost %+v, then held under token %d", lost, pair.Token())
		}
		must.Do(t, pair.Finish(t.Context(), Succeeded))
	})
}

func TestP9_NothingIsKeptWhereTheRunIsNotToBeHad(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		kept(t)(b.Try(t.Context(), "job@1"))
		ctx := within(t, 20*time.Second)
		var wait *WaitError
		if _, err := a.AcquireAlone(ctx, "job@1", "job"); !errors.As(err, &wait) || wait.Key != "job@1" {
			t.Errorf("%v, want waited for the run", err)
		}
		if d := w.doc("job"); d == nil || d.Locked {
			t.Errorf("the job's key: %+v", d)
		}
	})
}

// TestP9_PairIsHeldUntilTheEarlierDeadline: one key's renewals fail, and that is enough.
func TestP9_PairIsHeldUntilTheEarlierDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a := w.locker(t, 0)
		pair := must.Get(a.AcquireAlone(t.Context(), "job@1", "job"))(t)
		defer func() { must.Do(t, pair.Finish(t.Context(), Failed)) }()
		// The run's lease goes on, the job's renews no more.
		pair.Job.renewal()
		deadline := pair.Job.Deadline()
		time.Sleep(deadline - w.Now() - 1)
		if !pair.Held() || pair.Deadline() != deadline || pair.Run.Deadline() <= deadline {
			t.Errorf("held %v until %v", pair.Held(), pair.Deadline())
		}
		time.Sleep(time.Nanosecond)
		if pair.Held() {
			t.Error("held after the earlier deadline")
		}
		<-pair.Done()
		if !errors.Is(pair.Err(), ErrLost) || w.Now() != deadline {
			t.Errorf("%v at %v", pair.Err(), w.Now())
		}
	})
}
