package mongolock

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// TestP5_LeaseThatIsOverIsNeverHandedOut: the process is frozen between the answer of the store and the return of the call.
func TestP5_LeaseThatIsOverIsNeverHandedOut(t *testing.T) {
	type result struct {
		left time.Duration
		err  error
	}
	had := func(s AnyLease, err error) result {
		if err != nil {
			return result{0, err}
		}
		defer s.Leave()
		return result{s.(interface{ Remaining() time.Duration }).Remaining(), nil}
	}
	for name, acquire := range map[string]func(context.Context, *Locker, string) result{
		"Try":     func(ctx context.Context, l *Locker, _ string) result { return had(l.Try(ctx, "key")) },
		"Acquire": func(ctx context.Context, l *Locker, _ string) result { return had(l.Acquire(ctx, "key")) },
		"Adopt": func(ctx context.Context, l *Locker, nonce string) result {
			return had(l.Acquire(ctx, "adopted", Adopt(nonce)))
		},
		"With": func(ctx context.Context, l *Locker, _ string) result {
			ran := false
			err := l.With(ctx, "key", func(context.Context) error { ran = true; return nil })
			if ran {
				err = nil
			}
			return result{-1, err}
		},
	} {
		for jump, d := range map[string]time.Duration{"to the deadline": 24700 * time.Millisecond, "beyond": time.Minute} {
			runInBubble(t, name+" "+jump, func(t *testing.T, w *world) {
				old := must.Get(w.locker(t, 1).Try(t.Context(), "adopted"))(t)
				old.Leave()
				clock := &frozen{world: w}
				l := w.locker(t, 0, func(o *Options) { o.Clock = clock })
				// The machine sleeps while the answer is on its way.
				w.on(func(c sentCall) fakemongo.Verdict {
					if c.Process == 0 && c.Upsert {
						clock.jump(d)
					}
					return fakemongo.Verdict{}
				})
				got := acquire(t.Context(), l, old.Nonce())
				if got.err == nil {
					t.Fatalf("handed out with %v left", got.left)
				}
				lostWith(t, got.err, LostDeadline)
				if d := w.doc("key"); d != nil && d.Locked {
					t.Error("it is still locked: it was not given back")
				}
				if d := w.doc("adopted"); !d.Locked {
					t.Error("a lease under which something may be going on was given back")
				}
			})
		}
	}
}

// TestP9_PairThatIsOverIsNeverHandedOut: it is lost while the second key is acquired, and both are waited for again.
func TestP9_PairThatIsOverIsNeverHandedOut(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		clock, jumps := &frozen{world: w}, 0
		l := w.locker(t, 0, func(o *Options) { o.Clock = clock })
		w.on(func(c sentCall) fakemongo.Verdict {
			if c.Upsert && jumps < 4 { // that of the job's key, and that of the run's
				jumps++
				if jumps%2 == 0 {
					clock.jump(time.Minute)
				}
			}
			return fakemongo.Verdict{}
		})
		p, err := l.AcquireAlone(t.Context(), "k@1", "k")
		if err != nil {
			if !errors.Is(err, ErrLost) || w.doc("k").Locked || w.doc("k@1").Locked {
				t.Errorf("%v; %+v, %+v", err, w.doc("k"), w.doc("k@1"))
			}
			return
		}
		defer func() { _ = p.Finish(t.Context(), 0) }()
		if !p.Held() || p.Deadline() <= clock.Now() {
			t.Error("handed out though it is over")
		}
	})
}

// sleeper is a clock of a process that sleeps for a minute just after its second lease has been looked at for the last time.
type sleeper struct {
	*frozen
	looks int
}

func (s *sleeper) Now() time.Duration {
	now := s.frozen.Now()
	var pc [8]uintptr
	for frames, more := runtime.CallersFrames(pc[:runtime.Callers(2, pc[:])]), true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, "(*Locker).handOut") {
			if s.looks++; s.looks == 2 {
				s.jump(time.Minute)
			}
		}
	}
	return now
}

// TestP9_PairIsLookedAtOnceMore: each lease was held when it was looked at, and neither is by now.
func TestP9_PairIsLookedAtOnceMore(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		clock := &sleeper{frozen: &frozen{world: w}}
		l := w.locker(t, 0, func(o *Options) { o.Clock = clock })
		p, err := l.AcquireAlone(t.Context(), "k@1", "k")
		if err == nil {
			t.Errorf("handed out with %v left", p.Deadline()-clock.Now())
			_ = p.Finish(t.Context(), 0)
		}
		if !errors.Is(err, ErrLost) || w.doc("k").Locked || w.doc("k@1").Locked {
			t.Errorf("%v; %+v, %+v", err, w.doc("k"), w.doc("k@1"))
		}
	})
}
