package mongolock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// TestLineIsFair: 200 goroutines on one key, in the order in which they came, and only one of them asks the store.
func TestLineIsFair(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		first := must.Get(l.Try(t.Context(), "key"))(t)
		const many = 200
		var (
			mu    sync.Mutex
			order []int
			wg    sync.WaitGroup
		)
		for i := range many {
			wg.Go(func() {
				err := l.With(t.Context(), "key", func(context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, i)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			bubble.Wait() // it stands in line
		}
		before := len(w.sent(0))
		time.Sleep(5 * time.Minute)
		// Beside the renewals of the holder there are the looks of one waiter.
		reads := 0
		for _, c := range w.sent(0)[before:] {
			if c.Command == "find" {
				reads++
			}
		}
		if most := int(5*time.Minute/(l.opts.Poll*3/4)) + 1; reads == 0 || reads > most {
			t.Errorf("%d looks in five minutes, want those of one waiter, at most %d", reads, most)
		}
		release(t, first)
		begun := w.Now()
		wg.Wait()
		if took := w.Now() - begun; took > l.opts.Poll {
			t.Errorf("%d hand-overs in one process took %v: somebody waited for a poll", many, took)
		}
		if !slices.IsSorted(order) || len(order) != many {
			t.Errorf("%d had their turn, in the order %v", len(order), order)
		}
		if len(l.lines.keys) != 0 || len(l.hint.waiters) != 0 {
			t.Errorf("left behind: %d lines, %d waiters", len(l.lines.keys), len(l.hint.waiters))
		}
	})
}

// TestLineIsLeftAtOnce: whoever is cancelled, in whatever place, goes at once and holds up nobody.
func TestLineIsLeftAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		first := must.Get(l.Try(t.Context(), "key"))(t)
		const many = 9
		ended := make([]chan error, many)
		var cancels []context.CancelFunc
		for i := range many {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			defer cancel()
			ended[i] = make(chan error, 1)
			go func() {
				s, err := l.Acquire(ctx, "key")
				if s != nil {
					err = errors.Join(err, s.Release(context.WithoutCancel(ctx)))
				}
				ended[i] <- err
			}()
			bubble.Wait()
		}
		time.Sleep(time.Second)
		// The first of the line, one in its middle, and the last.
		for _, i := range []int{0, 4, many - 1} {
			begun := w.Now()
			cancels[i]()
			err := <-ended[i]
			var wait *WaitError
			if !errors.As(err, &wait) || !errors.Is(err, context.Canceled) || w.Now() != begun {
				t.Errorf("place %d: %v after %v", i, err, w.Now()-begun)
			}
			if wait == nil || wait.Held == nil || wait.Held.Info.Owner != "process-0" {
				t.Errorf("place %d is not told who holds the key: %v", i, err)
			}
		}
		release(t, first)
		begun := w.Now()
		for i := range many {
			if i == 0 || i == 4 || i == many-1 {
				continue
			}
			if err := must.Come(t, ended[i], fmt.Sprint("the turn of place ", i)); err != nil {
				t.Errorf("place %d: %v", i, err)
			}
		}
		if took := w.Now() - begun; took > 2*l.opts.Poll {
			t.Errorf("the others waited for %v", took)
		}
		if len(l.lines.keys) != 0 {
			t.Errorf("%d lines left behind", len(l.lines.keys))
		}
	})
}

// TestLineEndsWithTheLocker: those who stand in it are told.
func TestLineEndsWithTheLocker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l, other := w.locker(t, 0), w.locker(t, 1)
		kept(t)(other.Try(t.Context(), "key"))
		ended := make(chan error, 5)
		for range cap(ended) {
			go func() { _, err := l.Acquire(context.Background(), "key"); ended <- err }()
			bubble.Wait()
		}
		begun := w.Now()
		must.Do(t, l.Close(t.Context()))
		for range cap(ended) {
			if err := <-ended; !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		}
		if took := w.Now() - begun; took > l.opts.Poll {
			t.Errorf("told after %v", took)
		}
	})
}

// TestWhoMayWinAloneStandsInNoLine: an adoption, and one whom Only lets, do not wait behind those who may not.
func TestWhoMayWinAloneStandsInNoLine(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l, other := w.locker(t, 0), w.locker(t, 1)
		old := must.Get(other.Try(t.Context(), "key"))(t)
		old.Leave()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := l.Acquire(ctx, "key"); ended <- err }()
		bubble.Wait()
		begun := w.Now()
		kept(t)(l.Acquire(t.Context(), "key", Adopt(old.Nonce())))
		if w.Now() != begun {
			t.Errorf("adopted after %v", w.Now()-begun)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestWatchOfManyKeys: a look costs the same however many keys were looked at within the hour.
func TestWatchOfManyKeys(t *testing.T) {
	cost := func(keys int) time.Duration {
		w := &watches{clock: &ticking{}}
		for i := range keys {
			w.saw(fmt.Sprint("key-", i), nil)
		}
		const looks = 2000
		best := time.Hour
		for round := range 5 {
			begun := time.Now()
			for i := range looks {
				w.saw(fmt.Sprint("new-", round, "-", i), nil)
			}
			best = min(best, time.Since(begun))
		}
		return best / looks
	}
	few, many := cost(100), cost(50_000)
	t.Logf("%v a look among 100 keys, %v among 50,000", few, many)
	if many > 20*few+20*time.Microsecond {
		t.Errorf("%v a look among 50,000 keys, %v among 100", many, few)
	}
}

// ticking is a clock that advances by a microsecond with each look.
type ticking struct{ now time.Duration }

func (c *ticking) Now() time.Duration { c.now += time.Microsecond; return c.now }

// TestWatchForgets what nobody has looked at for an hour, and nothing else.
func TestWatchForgets(t *testing.T) {
	c := &ticking{}
	w := &watches{clock: c}
	for i := range 10 {
		w.saw(fmt.Sprint(i), nil)
	}
	c.now += forget / 2
	for i := 0; i < 10; i += 2 {
		w.saw(fmt.Sprint(i), nil)
	}
	c.now += forget/2 + time.Second
	w.saw("new", nil)
	for i := range 10 {
		if _, there := w.keys[fmt.Sprint(i)]; there != (i%2 == 0) {
			t.Errorf("key %d: there %v", i, there)
		}
	}
	var order []string
	for e := w.first; e != nil; e = e.newer {
		order = append(order, e.key)
	}
	if !slices.Equal(order, []string{"0", "2", "4", "6", "8", "new"}) || w.last.key != "new" {
		t.Errorf("in the order %v", order)
	}
}
