package mongolock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// TestEdgesUnderStress cancels, releases, leaves, revokes and observes at random, on a real server; then everything is
// closed. No two hold a key, no key stays locked but those that were left, no goroutine stays.
func TestEdgesUnderStress(t *testing.T) {
	const (
		keys    = 4
		workers = 40
		lasts   = 3 * time.Second
	)
	w := newWire(t, sharedServer(t, 0))
	before := runtime.NumGoroutine()
	var lockers []*Locker
	for i := range 2 {
		var l *Locker
		o := Options{Database: TestDatabase, Collection: w.name, Owner: fmt.Sprint("o", i), Timing: Timing{TTL: time.Minute}, Poll: 20 * time.Millisecond}
		var told atomic.Int64
		o.Observe = func(e Event) {
			if told.Add(1)%7 == 0 {
				_, _ = l.IsLocked(context.Background(), "key-0")
			}
			if e.Kind == EventWaiting && told.Load()%13 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		l = must.Get(Connect(w.server.URI, o))(t)
		lockers = append(lockers, l)
	}
	var inside [keys]atomic.Int32
	enter := func(k int, work func()) {
		if n := inside[k].Add(1); n != 1 {
			t.Errorf("%d hold key %d", n, k)
		}
		work()
		inside[k].Add(-1)
	}
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	var wg sync.WaitGroup
	var held atomic.Int64
	for i := range workers {
		wg.Go(func() {
			l := lockers[i%len(lockers)]
			for ctx.Err() == nil {
				k := rand.IntN(keys)
				key := fmt.Sprint("key-", k)
				short, cancel := context.WithTimeout(ctx, rand.N(300*time.Millisecond))
				switch rand.IntN(4) {
				case 0:
					_ = l.With(short, key, func(context.Context) error { enter(k, func() { held.Add(1) }); return nil })
				case 1:
					if s, err := l.Try(short, key); err == nil {
						enter(k, func() { held.Add(1) })
						if err := s.Release(context.Background()); err != nil {
							t.Error(err)
						}
					}
				case 2:
					if s, err := l.Acquire(short, key, Within(rand.N(200*time.Millisecond))); err == nil {
						enter(k, runtime.Gosched)
						if err := s.Release(context.Background()); err != nil {
							t.Error(err)
						}
					}
				case 3:
					if p, err := l.AcquireAlone(short, fmt.Sprint("run-", i), key); err == nil {
						enter(k, func() { held.Add(1) })
						if err := p.Finish(context.Background(), Released); err != nil {
							t.Error(err)
						}
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if held.Load() == 0 {
		t.Error("nobody ever held anything")
	}
	for _, l := range lockers {
		must.Do(t, l.Close(context.Background()))
		if len(l.lines.keys) != 0 || len(l.hint.waiters) != 0 {
			t.Errorf("%d lines, %d waiters left", len(l.lines.keys), len(l.hint.waiters))
		}
	}
	list := must.Get(w.direct.List(t.Context(), "", 0))(t)
	for _, i := range list {
		if i.Locked {
			t.Errorf("%s is still locked by %s", i.Key, i.Owner)
		}
	}
	must.Happen(t, "no goroutine more than before", func() bool { return runtime.NumGoroutine() <= before })
	t.Logf("held %d times", held.Load())
	if errors.Is(ctx.Err(), context.Canceled) {
		t.Error(ctx.Err())
	}
}
