package mongolock_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/memory"
)

// foreign is a store of somebody else: what is done by it is decided by the test.
type foreign struct {
	memory.Store
	modify func(ctx context.Context, c mongolock.Change) (bson.Raw, error)
	find   func(ctx context.Context, key string) (bson.Raw, error)
}

func (f *foreign) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	if f.modify != nil {
		return f.modify(ctx, c)
	}
	return f.Store.Modify(ctx, c)
}

func (f *foreign) Find(ctx context.Context, key string) (bson.Raw, error) {
	if f.find != nil {
		return f.find(ctx, key)
	}
	return f.Store.Find(ctx, key)
}

func on(t *testing.T, s mongolock.Store) *mongolock.Locker {
	t.Helper()
	l, err := mongolock.NewWithStore(s, mongolock.Options{
		Owner: "me", Poll: 20 * time.Millisecond,
		Timing: mongolock.Timing{TTL: time.Second, Operation: 100 * time.Millisecond, AllowShort: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestErrorsOfAnyStoreAreSorted: a caller asks for ErrUnknown and ErrUnavailable whatever the store is.
func TestErrorsOfAnyStoreAreSorted(t *testing.T) {
	broken := errors.New("the wire is cut")
	for _, c := range []struct {
		err, want error
		known     bool
	}{
		{err: broken, want: mongolock.ErrUnknown},
		{err: context.DeadlineExceeded, want: mongolock.ErrUnavailable},
		{err: mongolock.ErrConfig, want: mongolock.ErrConfig, known: true},
	} {
		l := on(t, &foreign{
			modify: func(context.Context, mongolock.Change) (bson.Raw, error) { return nil, c.err },
			find:   func(context.Context, string) (bson.Raw, error) { return nil, c.err },
		})
		_, tried := l.Try(t.Context(), "key")
		_, revoked := l.Revoke(t.Context(), "key")
		_, read := l.Info(t.Context(), "key")
		for call, err := range map[string]error{"try": tried, "revoke": revoked, "info": read} {
			if !errors.Is(err, c.err) || !errors.Is(err, c.want) || errors.Is(err, mongolock.ErrUnknown) == c.known {
				t.Errorf("%s after %q: %v, want %v", call, c.err, err, c.want)
			}
		}
	}
}

// TestCallsOfAnyStoreEnd: a store that takes notice of nothing but its context holds nobody up.
func TestCallsOfAnyStoreEnd(t *testing.T) {
	f := &foreign{modify: func(ctx context.Context, _ mongolock.Change) (bson.Raw, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}}
	l := on(t, f)
	done := make(chan error, 1)
	go func() {
		_, err := l.Try(context.Background(), "key")
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, mongolock.ErrUnavailable) {
			t.Errorf("%v, want unavailable", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a call without end")
	}
}

// TestCauseOfALeaseIsNoAnswer: a call that is made under one lease ends with it, and says nothing about another.
func TestCauseOfALeaseIsNoAnswer(t *testing.T) {
	f := &foreign{}
	f.modify = func(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return f.Store.Modify(ctx, c)
	}
	l := on(t, f)
	one, err := l.Try(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Try(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	under, stop := one.Context(t.Context())
	defer stop()
	f.Edit("one", func(bson.Raw) bson.Raw { return nil })
	<-under.Done()
	if err := other.Renew(under); !errors.Is(err, mongolock.ErrUnknown) || errors.Is(err, mongolock.ErrLost) || !other.Held() {
		t.Errorf("renewed with %v, held %v", err, other.Held())
	}
}

// TestLateChangeIsTheOneThatWasAsked: what a store does after its call has ended is what the call said.
func TestLateChangeIsTheOneThatWasAsked(t *testing.T) {
	var (
		late  mongolock.Change
		calls atomic.Int32
		f     = &foreign{}
	)
	f.modify = func(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
		switch calls.Add(1) {
		case 2: // the first request of the release is given up
			late = c
			return nil, errors.New("given up")
		case 3: // and applied before the second
			raw, err := f.Store.Modify(ctx, late)
			if n, _ := raw.Lookup("finishTry").AsInt64OK(); err != nil || n != 1 {
				t.Errorf("finishTry %d (%v), want 1: this was the first request", n, err)
			}
		}
		return f.Store.Modify(ctx, c)
	}
	lease, err := on(t, f).Try(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := f.Store.Find(t.Context(), "key")
	if n, _ := raw.Lookup("finishTry").AsInt64OK(); err != nil || n != 2 {
		t.Errorf("finishTry %d (%v), want 2: the second request is the last", n, err)
	}
}

// TestStoreThatDoesNotReturn: a call whose goroutine ends is an error, not a lease.
func TestStoreThatDoesNotReturn(t *testing.T) {
	f := &foreign{modify: func(context.Context, mongolock.Change) (bson.Raw, error) {
		runtime.Goexit() // as FailNow does, in a test of its store
		return nil, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if lease, err := on(t, f).Try(ctx, "key"); lease != nil || !errors.Is(err, mongolock.ErrUnknown) {
		t.Errorf("%v, %v", lease, err)
	}
}

// TestWhatAnotherStoreDoesNotHave is said as ErrUnsupported, before and after Close.
func TestWhatAnotherStoreDoesNotHave(t *testing.T) {
	var s memory.Store
	l := on(t, &s)
	lease, err := l.Try(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, stored := l.Store(t.Context())
		_, checked := l.Check(t.Context())
		_, listed := l.List(t.Context(), "", 1)
		_, now := l.ServerTime(t.Context())
		_, marked := l.MarkAbandoned(t.Context(), "job@", time.Hour)
		for call, err := range map[string]error{
			"Store": stored, "Check": checked, "List": listed, "ServerTime": now, "MarkAbandoned": marked,
			"Suitable": l.Suitable(t.Context()), "CreateIndex": l.CreateIndex(t.Context()),
			"Reconnect": l.Reconnect(t.Context(), "mongodb://localhost"), "IsHeld": lease.IsHeld(t.Context()),
		} {
			if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, mongolock.ErrLost) {
				t.Errorf("%s: %v, want unsupported", call, err)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := mongolock.NewWithStore(nil, mongolock.Options{}); !errors.Is(err, mongolock.ErrConfig) {
		t.Errorf("no store: %v", err)
	}
}

// TestBytesThatAreNoDocument are left alone, and said.
func TestBytesThatAreNoDocument(t *testing.T) {
	var s memory.Store
	l := on(t, &s)
	for name, raw := range map[string]bson.Raw{"no BSON": {9, 0, 0, 0, 1, 'x'}, "short": {1}} {
		s.Edit("key", func(bson.Raw) bson.Raw { return raw })
		_, err := l.Try(t.Context(), "key")
		if format := (*mongolock.FormatError)(nil); !errors.As(err, &format) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := l.ForceReleaseNow(t.Context(), "key"); err == nil {
			t.Errorf("%s was freed", name)
		}
	}
}
