package mongolock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// hinted waits with a change stream and without polls that could help.
func hinted(o *Options) {
	o.ChangeStream, o.Poll, o.Timing = true, time.Hour, Timing{TTL: time.Hour, Operation: 5 * time.Second}
}

// handsOver releases and takes a key until one who waits for it has got it:
// what was released before the stream was open wakes nobody.
func handsOver(t *testing.T, a *Locker, lease *Lease, got <-chan error) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); {
		must.Do(t, lease.Release(t.Context()))
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(300 * time.Millisecond):
		}
		next, err := a.Try(t.Context(), lease.Key())
		if err != nil {
			if !errors.As(err, new(*HeldError)) {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Error(err)
			}
			return
		}
		lease = next
	}
	_ = lease.Release(t.Context())
	t.Fatal("nobody was woken")
}

func waits(t *testing.T, l *Locker, key string) <-chan error {
	t.Helper()
	got := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		lease, err := l.Acquire(ctx, key)
		if err == nil {
			err = lease.Release(ctx)
		}
		got <- err
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return got
}

// TestP10_HintComesBackAfterARestart: the stream breaks with the server, and is opened again.
func TestP10_HintComesBackAfterARestart(t *testing.T) {
	s := devdbtest.Start(t, devdb.ChangeStreams|devdb.Restart)
	w := newWire(t, s)
	a := w.connect(t, s.URI, func(o *Options) { o.Timing = Timing{TTL: time.Hour, Operation: 5 * time.Second} })
	b := w.connect(t, s.URI, hinted)
	lease := must.Get(a.Try(t.Context(), "key"))(t)
	first := waits(t, b, "key")
	handsOver(t, a, lease, first)

	lease = must.Get(a.Try(t.Context(), "key-2"))(t)
	second := waits(t, b, "key-2")
	// b waits, with a stream, when the server is killed.
	must.Happen(t, "a wait", func() bool { b.hint.mu.Lock(); defer b.hint.mu.Unlock(); return len(b.hint.waiters) == 1 })
	must.Do(t, s.Kill())
	must.Do(t, s.Restart(t.Context()))
	handsOver(t, a, lease, second)
}

// TestP10_OneStreamForManyWaiters counts the streams that a process opens.
func TestP10_OneStreamForManyWaiters(t *testing.T) {
	w := newWire(t, sharedServer(t, devdb.ChangeStreams))
	const waiters = 50
	a := w.connect(t, w.server.URI, func(o *Options) { o.Timing = Timing{TTL: time.Hour, Operation: 5 * time.Second} })
	b := w.through(t, hinted)
	leases := make([]*Lease, waiters)
	for i := range leases {
		lease := must.Get(a.Try(t.Context(), fmt.Sprint("key-", i)))(t)
		leases[i] = lease
	}
	sent := w.commands()
	woken := make([]<-chan error, waiters)
	for i := range woken {
		woken[i] = waits(t, b, leases[i].Key())
	}
	must.Happen(t, "all wait", func() bool { b.hint.mu.Lock(); defer b.hint.mu.Unlock(); return len(b.hint.waiters) == waiters })
	for i, lease := range leases {
		handsOver(t, a, lease, woken[i])
	}
	if n := sent()["aggregate"]; n != 1 {
		t.Errorf("%d streams were opened for %d waiters, want 1", n, waiters)
	}
	b.hint.mu.Lock()
	defer b.hint.mu.Unlock()
	if len(b.hint.waiters) != 0 || b.hint.stop != nil {
		t.Errorf("nobody waits, and the stream goes on for %d keys", len(b.hint.waiters))
	}
}

// TestP10_HintOutlivesABusyCollection: events without a pause are no reason to take the stream for one that hangs.
func TestP10_HintOutlivesABusyCollection(t *testing.T) {
	w := newWire(t, sharedServer(t, devdb.ChangeStreams))
	a := w.connect(t, w.server.URI, func(o *Options) { o.Timing = Timing{TTL: time.Hour, Operation: 5 * time.Second} })
	b := w.through(t, func(o *Options) { hinted(o); o.Poll, o.Timing.Operation = time.Second, 500*time.Millisecond })
	lease := must.Get(a.Try(t.Context(), "key"))(t)
	sent := w.commands()
	woken := waits(t, b, "key")
	must.Happen(t, "a stream", func() bool { return w.proxy.Count()["getMore"] > 0 })
	busy, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		// Each write passes the stream's filter.
		for i := 0; busy.Err() == nil; i++ {
			filter := bson.D{{Key: "_id", Value: "busy"}}
			_, err := a.conn.current().coll.ReplaceOne(busy, filter, bson.D{{Key: "locked", Value: false}, {Key: "n", Value: i}})
			if err != nil && busy.Err() == nil {
				t.Error(err)
				return
			}
			if i == 0 {
				_, err := a.conn.current().coll.InsertOne(busy, append(filter, bson.E{Key: "locked", Value: false}))
				if err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	// Longer than one look may take.
	timeout := time.NewTimer(4 * time.Second)
	defer timeout.Stop()
	<-timeout.C
	if n := sent()["aggregate"]; n != 1 {
		t.Errorf("%d streams, want the one", n)
	}
	stop()
	wg.Wait()
	handsOver(t, a, lease, woken)
}

// TestP10_NoStreamsNoHint: where the store has none, or forbids them, it is asked once and polled.
func TestP10_NoStreamsNoHint(t *testing.T) {
	s := sharedServer(t, 0)
	if len(s.Missing(devdb.ChangeStreams)) == 0 {
		t.Skipf("%s has change streams", s.Name)
	}
	w := newWire(t, s)
	a := w.connect(t, s.URI)
	b := w.through(t, func(o *Options) { o.ChangeStream = true })
	sent := w.commands()
	for range 3 {
		lease := must.Get(a.Try(t.Context(), "key"))(t)
		woken := waits(t, b, "key")
		must.Happen(t, "some polls", func() bool { return w.seen(EventWaiting, "") > 3 })
		must.Do(t, lease.Release(t.Context()))
		must.Do(t, <-woken)
	}
	if n := sent()["aggregate"]; n != 1 {
		t.Errorf("%d tries to open a stream, want 1", n)
	}
}
