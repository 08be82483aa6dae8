package mongolock

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// TestCancelledAcquisitionsLeaveNoGhost: at every moment of the call, by cancellation and by a deadline.
func TestCancelledAcquisitionsLeaveNoGhost(t *testing.T) {
	acquire := map[string]func(ctx context.Context, l *Locker, old string) (held bool, err error){
		"Try": func(ctx context.Context, l *Locker, _ string) (bool, error) {
			s, err := l.Try(ctx, "key")
			return s != nil, err
		},
		"Acquire": func(ctx context.Context, l *Locker, _ string) (bool, error) {
			s, err := l.Acquire(ctx, "key")
			return s != nil, err
		},
		"adoption": func(ctx context.Context, l *Locker, old string) (bool, error) {
			s, err := l.Acquire(ctx, "old", Adopt(old))
			return s != nil, err
		},
		"AcquireAlone": func(ctx context.Context, l *Locker, _ string) (bool, error) {
			p, err := l.AcquireAlone(ctx, "key", "job")
			return p != nil, err
		},
		"With": func(ctx context.Context, l *Locker, _ string) (bool, error) {
			ran := false
			err := l.With(ctx, "key", func(context.Context) error { ran = true; return nil })
			return ran && err == nil, err
		},
	}
	for name, call := range acquire {
		for _, by := range []string{"cancellation", "deadline"} {
			t.Run(name+"/"+by, func(t *testing.T) {
				ghosts, held := 0, 0
				for at := time.Duration(0); at < 700*time.Millisecond; at += 20 * time.Millisecond {
					inBubble(t, func(t *testing.T, w *world) {
						l := w.locker(t, 0)
						old := must.Get(l.Try(t.Context(), "old"))(t)
						old.Leave()
						w.on(func(sentCall) fakemongo.Verdict {
							return fakemongo.Verdict{RequestDelay: 60 * time.Millisecond, ReplyDelay: 60 * time.Millisecond}
						})
						begun := w.Now()
						ctx, cancel := context.WithCancel(t.Context())
						if by == "deadline" {
							ctx, cancel = context.WithTimeout(t.Context(), at)
						} else {
							time.AfterFunc(at, cancel)
						}
						defer cancel()
						got, err := call(ctx, l, old.Nonce())
						switch {
						case got:
							if name != "With" && w.Now() > begun+at {
								t.Errorf("cancelled after %v, and a lease %v later that nobody waits for", at, w.Now()-begun-at)
							}
							held++
							return
						case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
							t.Errorf("cancelled after %v: %v", at, err)
						}
						if took := w.Now() - begun - at; took > time.Second {
							t.Errorf("cancelled after %v, returned %v later", at, took)
						}
						for _, key := range []string{"key", "job"} {
							if d := w.doc(key); d != nil && d.Locked {
								ghosts++
							}
						}
						// What was adopted, or may have been, is left: something may be going on under it.
						if d := w.doc("old"); !d.Locked {
							t.Errorf("cancelled after %v, and an earlier process's lease was given back", at)
						}
					})
				}
				if ghosts > 0 {
					t.Errorf("%d ghosts", ghosts)
				}
				if held == 0 {
					t.Error("no acquisition came before its cancellation: the moments are not all of them")
				}
			})
		}
	}
}

// TestCancelledAcquisitionDoesNotWaitForASilentStore: the caller goes, and what may come of it is undone when the store is back.
func TestCancelledAcquisitionDoesNotWaitForASilentStore(t *testing.T) {
	for name, v := range map[string]fakemongo.Verdict{"deaf": {LoseReply: true}, "slow": {RequestDelay: 5 * time.Second}, "silent": {LoseRequest: true}} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			w.fault(v, func(c sentCall) bool { return c.At < 8*time.Second })
			ctx := within(t, time.Second)
			if _, err := l.Try(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnknown) {
				t.Errorf("%v", err)
			}
			if w.Now() > 4*time.Second {
				t.Errorf("a caller who went after 1s was kept for %v", w.Now())
			}
			// Close waits for the ending.
			must.Do(t, l.Close(context.Background()))
			if d := w.doc("key"); d != nil && d.Locked {
				t.Errorf("a ghost, %v after the end", w.Now())
			}
			if w.Now() > l.Timing().Silence()+2*l.Timing().Operation {
				t.Errorf("closed after %v", w.Now())
			}
		})
	}
}

// TestCloseDuringAcquisitions leaves no ghost either.
func TestCloseDuringAcquisitions(t *testing.T) {
	ghosts := 0
	for at := time.Duration(0); at < 400*time.Millisecond; at += 20 * time.Millisecond {
		inBubble(t, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			w.on(func(sentCall) fakemongo.Verdict {
				return fakemongo.Verdict{RequestDelay: 60 * time.Millisecond, ReplyDelay: 60 * time.Millisecond}
			})
			ended := make(chan error, 2)
			go func() { _, err := l.Acquire(context.Background(), "key"); ended <- err }()
			go func() { _, err := l.AcquireAlone(context.Background(), "run", "job"); ended <- err }()
			time.Sleep(at)
			held := map[string]bool{}
			for _, key := range []string{"key", "run", "job"} {
				d := w.doc(key)
				held[key] = d != nil && d.Locked
			}
			must.Do(t, l.Close(context.Background()))
			for range 2 {
				if err := <-ended; err != nil && !errors.Is(err, ErrClosed) {
					t.Errorf("closed after %v: %v", at, err)
				} else if err == nil {
					ghosts-- // it was had before Close: a lease that Close ended
				}
			}
			for _, key := range []string{"key", "job"} {
				if d := w.doc(key); d != nil && d.Locked {
					ghosts++
				}
			}
		})
	}
	if ghosts > 0 {
		t.Errorf("%d ghosts", ghosts)
	}
}

func TestErrorsOfACancelledAcquisitionNameTheKey(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("told to go"))
		_, err := l.Try(ctx, "key")
		if err == nil || fmt.Sprint(err) != `acquiring lock "key": told to go` {
			t.Error(err)
		}
	})
}
