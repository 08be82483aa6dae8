package mongolock

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// outage loses every request from now on, for a time.
func (w *world) outage(d time.Duration) {
	until := w.Now() + d
	w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseRequest: c.At < until} })
}

// TestEndingNeedsNoLongerThanTheLease: an outage that outlasts the lease ends every call that ends it, without a deadline of the caller's.
func TestEndingNeedsNoLongerThanTheLease(t *testing.T) {
	for name, end := range map[string]func(l *Locker, s *Lease, p *Pair) error{
		"Release":            func(_ *Locker, s *Lease, _ *Pair) error { return s.Release(context.Background()) },
		"Finish":             func(_ *Locker, s *Lease, _ *Pair) error { return s.Finish(context.Background(), Succeeded) },
		"Finish of a pair":   func(_ *Locker, _ *Lease, p *Pair) error { return p.Finish(context.Background(), Failed) },
		"Release after Done": func(_ *Locker, s *Lease, _ *Pair) error { <-s.Done(); return s.Release(context.Background()) },
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			s := kept(t)(l.Try(t.Context(), "key"))
			p := must.Get(l.AcquireAlone(t.Context(), "job@1", "job"))(t)
			defer func() { _ = p.Finish(t.Context(), Released) }()
			time.Sleep(3 * time.Second)
			w.outage(10 * time.Minute)
			defer w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
			begun, tm := w.Now(), l.Timing()
			err := end(l, s, p)
			if !errors.Is(err, ErrUnknown) || !errors.Is(err, ErrUnavailable) {
				t.Errorf("%v, want an error that says it was not acknowledged", err)
			}
			// The second lease of a pair, and one that is over, is asked for twice.
			if took := w.Now() - begun; took > tm.Silence()+2*tm.Operation {
				t.Errorf("took %v", took)
			}
			if name == "Release" && w.Now()-begun > tm.Silence() {
				t.Errorf("took %v of a lease that was over after %v", w.Now()-begun, tm.Silence())
			}
		})
	}
}

// TestEndingOutlivesAnElection: a primary that is frozen for 12 s, and the next one acknowledges.
func TestEndingOutlivesAnElection(t *testing.T) {
	for name, hold := range map[string]func(l *Locker, outage func()) error{
		"Release": func(l *Locker, outage func()) error {
			s, err := l.Try(context.Background(), "key")
			if err != nil {
				return err
			}
			outage()
			return s.Release(context.Background())
		},
		"With": func(l *Locker, outage func()) error {
			return l.With(context.Background(), "key", func(context.Context) error { outage(); return nil })
		},
		"With that was cancelled": func(l *Locker, outage func()) error {
			ctx, cancel := context.WithCancel(context.Background())
			return l.With(ctx, "key", func(context.Context) error { outage(); cancel(); return nil })
		},
		"Pair": func(l *Locker, outage func()) error {
			p, err := l.AcquireAlone(context.Background(), "key", "job")
			if err != nil {
				return err
			}
			outage()
			return p.Finish(context.Background(), Released)
		},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			var begun time.Duration
			err := hold(l, func() {
				begun = w.Now()
				w.outage(13 * time.Second)
			})
			if err != nil {
				t.Error(err)
			}
			if took := w.Now() - begun; took > 13*time.Second+l.Timing().Operation {
				t.Errorf("the successor waits %v", took)
			}
			for _, key := range []string{"key", "job"} {
				if d := w.doc(key); d != nil && d.Locked {
					t.Errorf("%s is still locked", key)
				}
			}
		})
	}
}

// TestEndingOutlivesARightThatIsMissing: new credentials may bring it back within the lease.
func TestEndingOutlivesARightThatIsMissing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := must.Get(w.locker(t, 0).Try(t.Context(), "key"))(t)
		w.fault(fakemongo.Verdict{Code: 13}, func(c sentCall) bool { return c.At < 5*time.Second })
		if err := s.Release(t.Context()); err != nil || w.doc("key").Locked {
			t.Errorf("%v; locked %v", err, w.doc("key").Locked)
		}
	})
}

// onAnothersClient is a Locker on the client of another one, its owner, and a lease of it.
func onAnothersClient(t *testing.T, w *world) (owner, l *Locker, lease *Lease) {
	t.Helper()
	owner = w.locker(t, 0)
	l = must.Get(New(owner.conn.current().display, owner.opts))(t)
	return owner, l, must.Get(l.Try(t.Context(), "key"))(t)
}

// TestCloseEndsItsLeases: of a Locker on the caller's client too. They are not given back, for nobody knows whether the work has ended.
func TestCloseEndsItsLeases(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, l, lease := onAnothersClient(t, w)
		work, stop := lease.Context(t.Context())
		defer stop()
		begun := w.Now()
		must.Do(t, l.Close(t.Context()))
		must.Come(t, work.Done(), "the end of the work's context")
		var lost *LostError
		if err := lease.Err(); !errors.As(err, &lost) || lost.Reason != LostClosed || !errors.Is(err, ErrLost) || !errors.Is(err, ErrClosed) || !errors.Is(context.Cause(work), ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if lease.Held() || w.Now() != begun {
			t.Errorf("held %v, told after %v", lease.Held(), w.Now()-begun)
		}
		if told := w.seen(EventLost); len(told) != 1 {
			t.Errorf("told of %d losses", len(told))
		}
		sent := len(w.sent(0))
		time.Sleep(5 * time.Minute)
		if n := len(w.sent(0)) - sent; n != 0 {
			t.Errorf("%d calls after Close", n)
		}
		if !w.doc("key").Locked {
			t.Error("given back while its work may go on")
		}
		// The work has ended now.
		if err := lease.Release(t.Context()); err != nil || w.doc("key").Locked {
			t.Errorf("released: %v", err)
		}
	})
}

// TestCloseWaitsForEndings: of leases, and of acquisitions that were given up.
func TestCloseWaitsForEndings(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := must.Get(l.Try(t.Context(), "key"))(t)
		w.outage(8 * time.Second)
		released := make(chan error, 1)
		go func() { released <- lease.Release(context.Background()) }()
		time.Sleep(time.Second)
		must.Do(t, l.Close(context.Background()))
		if err := <-released; err != nil || w.doc("key").Locked {
			t.Errorf("the client was ended under a release: %v", err)
		}
	})
}

// TestEndedClientIsSaid: by an error that says what is wrong, at once, not by waiting.
func TestEndedClientIsSaid(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		owner, l, lease := onAnothersClient(t, w)
		must.Do(t, owner.conn.current().client.Disconnect(context.Background()))
		begun := w.Now()
		for _, c := range []struct {
			name string
			call func() error
		}{
			{"Try", func() error { _, err := l.Try(t.Context(), "other"); return err }},
			{"Acquire", func() error { _, err := l.Acquire(t.Context(), "other"); return err }},
			{"AcquireAlone", func() error { _, err := l.AcquireAlone(t.Context(), "a", "b"); return err }},
			{"With", func() error { return l.With(t.Context(), "other", func(context.Context) error { return nil }) }},
			{"Info", func() error { _, err := l.Info(t.Context(), "other"); return err }},
			{"List", func() error { _, err := l.List(t.Context(), "", 0); return err }},
			{"Store", func() error { _, err := l.Store(t.Context()); return err }},
			{"Renew", func() error { return lease.Renew(t.Context()) }},
			{"IsHeld", func() error { return lease.IsHeld(t.Context()) }},
			{"Release", func() error { return lease.Release(t.Context()) }},
		} {
			if err := c.call(); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrUnknown) || w.Now() != begun {
				t.Errorf("%s: %v after %v", c.name, err, w.Now()-begun)
			}
		}
	})
}

// TestUnreachableStoreIsUnavailable: a store that is silent, resets, or has no primary.
func TestUnreachableStoreIsUnavailable(t *testing.T) {
	for name, v := range map[string]fakemongo.Verdict{
		"silent": {LoseRequest: true}, "deaf": {LoseReply: true}, "reset": {Reset: true}, "no primary": {Code: fakemongo.CodeNotWritablePrimary},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			w.on(func(sentCall) fakemongo.Verdict { return v })
			if _, err := l.Try(t.Context(), "key"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Try: %v", err)
			}
			// As the godoc says: no longer than a lease that counted from the first request.
			if most := l.Timing().Deadline(0) + 2*l.Timing().Operation; w.Now() > most {
				t.Errorf("Try took %v", w.Now())
			}
			ctx := within(t, time.Minute)
			var wait *WaitError
			if _, err := l.Acquire(ctx, "key"); !errors.Is(err, ErrUnavailable) || !errors.As(err, &wait) {
				t.Errorf("Acquire: %v", err)
			}
			if _, err := l.Info(t.Context(), "key"); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Info: %v", err)
			}
			w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
		})
	}
}
