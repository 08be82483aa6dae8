package mongolock

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/observer"
	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// stuck is an observer that does not return until the test ends.
func stuck(t *testing.T, o *Options) {
	t.Helper()
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	o.Observe = func(Event) { <-end }
}

// TestObserverThatNeverReturns: it holds up neither renewal nor loss nor release nor Close.
func TestObserverThatNeverReturns(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0, func(o *Options) { stuck(t, o) })
		lease := must.Get(l.Try(t.Context(), "key"))(t)
		time.Sleep(10 * time.Minute)
		if !lease.Held() {
			t.Fatalf("lost: %v", lease.Err())
		}
		if n := len(w.sent(0)); n < 50 {
			t.Errorf("%d calls in ten minutes", n)
		}
		// A loss, by the store and by the clock.
		second := must.Get(l.Try(t.Context(), "key-2"))(t)
		must.Get(l.ForceReleaseNow(t.Context(), "key"))(t)
		begun := w.Now()
		<-lease.Done()
		if took := w.Now() - begun; took > l.Timing().Heartbeat+time.Second {
			t.Errorf("lost after %v", took)
		}
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseRequest: true} })
		deadline := second.Deadline()
		<-second.Done()
		if w.Now() < deadline || w.Now() > deadline+l.Timing().Operation+l.Timing().TTL {
			t.Errorf("lost at %v, deadline %v", w.Now(), deadline)
		}
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
		begun = w.Now()
		if err := second.Release(t.Context()); err != nil {
			t.Errorf("released: %v", err)
		}
		must.Do(t, l.Close(t.Context()))
		if took := w.Now() - begun; took > observer.FlushWithin+closesWithin+time.Second {
			t.Errorf("release and Close took %v", took)
		}
	})
}

// TestObserverCallsBack: whatever it calls, nobody waits for it, and it for nobody who waits for it.
func TestObserverCallsBack(t *testing.T) {
	for name, call := range map[string]func(*Locker, *Lease) error{
		"Release": func(_ *Locker, s *Lease) error { return s.Release(context.Background()) },
		"Leave":   func(_ *Locker, s *Lease) error { s.Leave(); return nil },
		"Try":     func(l *Locker, _ *Lease) error { _, err := l.Try(context.Background(), "key"); return err },
		"Close":   func(l *Locker, _ *Lease) error { return l.Close(context.Background()) },
		"Revoke":  func(l *Locker, _ *Lease) error { _, err := l.Revoke(context.Background(), "other"); return err },
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			var (
				l     *Locker
				lease atomic.Pointer[Lease]
				told  = make(chan error, 1)
			)
			l = w.locker(t, 0, func(o *Options) {
				o.Observe = func(e Event) {
					if s := lease.Load(); e.Kind == EventLost && s != nil {
						if s.Err() == nil {
							t.Error("told of a loss before Done was closed")
						}
						told <- call(l, s)
					}
				}
			})
			s := must.Get(l.Try(t.Context(), "key"))(t)
			lease.Store(s)
			other := w.locker(t, 1)
			must.Get(other.Revoke(t.Context(), "key"))(t)
			if err := must.Come(t, told, "the end of the observer's own call"); err != nil && !errors.As(err, new(*HeldError)) && !errors.Is(err, ErrNoLock) {
				t.Error(err)
			}
		})
	}
}

// TestDroppedEventsAreCounted: an observer that falls behind is told how much it has missed, in its place.
func TestDroppedEventsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var (
			mu   sync.Mutex
			got  []Event
			flow = make(chan struct{})
		)
		l := w.locker(t, 0, func(o *Options) {
			o.Observe = func(e Event) {
				<-flow
				mu.Lock()
				defer mu.Unlock()
				got = append(got, e)
			}
		})
		const more = 10
		for i := range observer.Size + 1 + more {
			l.tell(Event{Kind: EventRenewed, Token: int64(i)})
			if i == 0 {
				bubble.Wait() // it has taken the first, and stands
			}
		}
		if l.Dropped() != more {
			t.Errorf("%d dropped, want %d", l.Dropped(), more)
		}
		close(flow)
		bubble.Wait()
		if len(got) != observer.Size+2 || got[1].Kind != EventDropped || got[1].Dropped != more || got[2].Token != more+1 || got[len(got)-1].Token != observer.Size+more {
			t.Errorf("told %d events, the second %+v, the third %+v, the last %+v", len(got), got[1], got[2], got[len(got)-1])
		}
		l.tell(Event{Kind: EventRenewed})
		bubble.Wait()
		if last := got[len(got)-1]; last.Kind != EventRenewed || l.Dropped() != more {
			t.Errorf("it flows again, and is told %+v", last)
		}
	})
}

// TestObserverThatEndsItsGoroutine: t.FailNow in an observer does that.
func TestObserverThatEndsItsGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var told atomic.Int32
		l := w.locker(t, 0, func(o *Options) {
			o.Observe = func(Event) {
				told.Add(1)
				runtime.Goexit()
			}
		})
		for range 3 {
			l.tell(Event{Kind: EventRenewed})
		}
		bubble.Wait()
		if told.Load() != 3 {
			t.Errorf("told %d of 3", told.Load())
		}
	})
}
