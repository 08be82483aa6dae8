package mongolock

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// calls are those that take options.
var acquisitions = map[string]func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error){
	"Try": func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error) {
		return l.Try(ctx, "key", opts...)
	},
	"Acquire": func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error) {
		return l.Acquire(ctx, "key", opts...)
	},
	"AcquireAlone": func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error) {
		p, err := l.AcquireAlone(ctx, "key", "job", opts...)
		if err != nil {
			return nil, err
		}
		return p.Run, p.Job.Release(ctx)
	},
	"With": func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error) {
		var s *Lease
		ran := false
		err := l.With(ctx, "key", func(context.Context) error { ran = true; return nil }, opts...)
		if ran { // it is released by now
			s = &Lease{}
		}
		return s, err
	},
}

// TestEveryOptionOfEveryCall: each has its effect, or is refused.
func TestEveryOptionOfEveryCall(t *testing.T) {
	short := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	type run func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error))
	refused := func(opts ...AcquireOption) run {
		return func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			if s, err := call(t.Context(), l, opts...); s != nil || !errors.Is(err, ErrConfig) || len(w.sent(0)) != 0 {
				t.Errorf("%v after %d calls, want refused", err, len(w.sent(0)))
			}
		}
	}
	for name, test := range map[string]struct {
		run  run
		only string // the one call it is for
	}{
		"TTL": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			must.Get(call(t.Context(), l, TTL(time.Minute)))(t)
			if ttl := w.sentTTL(t); ttl != time.Minute {
				t.Errorf("stored with a ttl of %v", ttl)
			}
		}},
		"TTL of zero":      {run: refused(TTL(0))},
		"TTL below zero":   {run: refused(TTL(-time.Second))},
		"TTL too short":    {run: refused(TTL(time.Second))},
		"nil":              {run: refused(nil)},
		"Only(nil)":        {run: refused(Only(nil))},
		"OnNonce(nil)":     {run: refused(OnNonce(nil))},
		"AdoptFrom(nil)":   {run: refused(AdoptFrom(nil))},
		"Adopt of nothing": {run: refused(Adopt(""))},
		"Within(-1)":       {run: refused(Within(-1))},
		"Within of Try":    {run: refused(Within(time.Second)), only: "Try"},
		"Only(false)": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			s, err := call(short(t), l, Only(func() bool { return false }))
			if s != nil || !errors.Is(err, ErrNotTried) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("took the key: %v", err)
			}
			for _, c := range w.sent(0) {
				if c.Upsert {
					t.Fatal("tried")
				}
			}
		}},
		"Only(false) with Within(0)": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			if s, err := call(t.Context(), l, Only(func() bool { return false }), Within(0)); s != nil || !errors.Is(err, ErrNotTried) {
				t.Errorf("took the key: %v", err)
			}
		}},
		"Only(true)": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			if s, err := call(t.Context(), l, Only(func() bool { return true })); s == nil || err != nil {
				t.Error(err)
			}
		}},
		"OnNonce": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			full := errors.New("disk full")
			s, err := call(short(t), l, OnNonce(func(string) error { return full }))
			if s != nil || !errors.Is(err, full) {
				t.Errorf("%v, want what the caller said", err)
			}
		}},
		"Adopt": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			before := w.locker(t, 1)
			old := must.Get(before.Try(t.Context(), "key"))(t)
			old.Leave()
			if s, err := call(short(t), l, Adopt(old.Nonce())); s == nil || err != nil {
				t.Error(err)
			}
		}},
		"SkipIfHeld": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			kept(t)(w.locker(t, 1, func(o *Options) { o.Holder.JobUID = "another" }).Try(t.Context(), "key"))
			ctx := within(t, 10*time.Minute)
			if _, err := call(ctx, l, SkipIfHeld()); !errors.As(err, new(*HeldError)) || errors.As(err, new(*WaitError)) {
				t.Errorf("%v, want held", err)
			}
		}},
		"Within": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			kept(t)(w.locker(t, 1).Try(t.Context(), "key"))
			begun := w.Now()
			_, err := call(t.Context(), l, Within(12*time.Second))
			if errors.Is(err, ErrConfig) {
				return // of Try
			}
			var wait *WaitError
			if !errors.As(err, &wait) || !errors.Is(err, ErrTimeout) || !errors.As(err, new(*HeldError)) || w.Now()-begun != 12*time.Second {
				t.Errorf("%v after %v", err, w.Now()-begun)
			}
		}},
		"Within(0)": {run: func(t *testing.T, w *world, l *Locker, call func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error)) {
			kept(t)(w.locker(t, 1).Try(t.Context(), "key"))
			begun := w.Now()
			if _, err := call(t.Context(), l, Within(0)); !errors.As(err, new(*HeldError)) || errors.As(err, new(*WaitError)) || w.Now() != begun {
				t.Errorf("%v after %v", err, w.Now()-begun)
			}
		}},
	} {
		for call, f := range acquisitions {
			if test.only != "" && test.only != call {
				continue
			}
			runInBubble(t, name+"/"+call, func(t *testing.T, w *world) {
				l := w.locker(t, 0)
				keep := func(ctx context.Context, l *Locker, opts ...AcquireOption) (*Lease, error) {
					s, err := f(ctx, l, opts...)
					if s != nil && s.locker != nil {
						t.Cleanup(func() { release(t, s) })
					}
					return s, err
				}
				test.run(t, w, l, keep)
			})
		}
	}
}

// sentTTL is the ttl of the last acquisition of process 0 as the collection's log has it.
func (w *world) sentTTL(t *testing.T) time.Duration {
	t.Helper()
	ttl := time.Duration(0)
	for _, e := range w.cluster.Log() {
		if d := decode(e.After); d.ttl > 0 {
			ttl = d.ttl
		}
	}
	return ttl
}

// TestTimingOfOneLease: a lease of 6 s from a Locker of 60 s lives by its own arithmetic, and survives one lost reply.
func TestTimingOfOneLease(t *testing.T) {
	for name, lost := range map[string]int{"acquire": 0, "renewal": 1} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0, func(o *Options) { o.Timing = Timing{TTL: time.Minute} })
			w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseReply: c.N == lost} })
			s := kept(t)(l.Try(t.Context(), "key", TTL(6*time.Second)))
			time.Sleep(time.Minute)
			if !s.Held() {
				t.Errorf("one lost reply has lost the lease: %v", s.Err())
			}
			want := Timing{TTL: 6 * time.Second}.WithDefaults()
			if s.timing != want {
				t.Errorf("timing %+v, want %+v", s.timing, want)
			}
		})
	}
}

func TestTimingAtAnotherTTL(t *testing.T) {
	of := func(t Timing) Timing { return t.WithDefaults() }
	for name, c := range map[string]struct{ of, want Timing }{
		"derived":          {of(Timing{TTL: time.Minute}), of(Timing{TTL: 100 * time.Second})},
		"kill budget kept": {of(Timing{TTL: 2 * time.Minute, KillBudget: 27 * time.Second}), of(Timing{TTL: 100 * time.Second, KillBudget: 27 * time.Second})},
		"grace kept":       {of(Timing{TTL: 2 * time.Minute, Grace: time.Minute}), of(Timing{TTL: 100 * time.Second, Grace: time.Minute})},
		"heartbeat scaled": {of(Timing{TTL: 50 * time.Second, Heartbeat: 5 * time.Second}), of(Timing{TTL: 100 * time.Second, Heartbeat: 10 * time.Second})},
		"operation scaled": {of(Timing{TTL: 50 * time.Second, Operation: 4 * time.Second}), of(Timing{TTL: 100 * time.Second, Operation: 8 * time.Second})},
		"short allowed":    {of(Timing{TTL: time.Second, AllowShort: true}), of(Timing{TTL: 100 * time.Second, AllowShort: true})},
	} {
		if got := c.of.at(100 * time.Second); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	// What does not add up is refused.
	if err := of(Timing{TTL: 2 * time.Minute, KillBudget: 27 * time.Second}).at(20 * time.Second).Validate(); err == nil {
		t.Error("a kill budget of 27 s in a lease of 20 s")
	}
}
