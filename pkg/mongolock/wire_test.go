package mongolock

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/boottime"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/faultproxy"
	"github.com/mongogate/mongogate/test/must"
)

// Faults of the network between the real driver and a real server. Real time:
// what is compared exactly is compared in virtual time (lease_test.go, unknown_test.go).

// quick is long enough for two busy cores, short enough to wait for.
func quick() Timing { return Timing{TTL: 4 * time.Second, AllowShort: true}.WithDefaults() }

// wire is a server behind a proxy, with a collection of the test's own.
type wire struct {
	server *devdb.Server
	proxy  *faultproxy.Proxy
	// direct leads around the proxy.
	direct *Locker
	name   string

	mu     sync.Mutex
	events []Event
}

func newWire(t *testing.T, s *devdb.Server) *wire {
	t.Helper()
	w := &wire{server: s, name: strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())}
	w.proxy, _ = devdbtest.Proxied(t, s)
	w.direct = w.connect(t, s.URI)
	// Its first use makes the collection and a connection.
	must.Get(w.direct.List(t.Context(), "", 1))(t)
	return w
}

func (w *wire) connect(t *testing.T, uri string, change ...func(*Options)) *Locker {
	t.Helper()
	o := Options{
		Database: TestDatabase, Collection: w.name, Owner: "a", Timing: quick(), Poll: 50 * time.Millisecond,
		Observe: func(e Event) { w.mu.Lock(); defer w.mu.Unlock(); w.events = append(w.events, e) },
	}
	for _, c := range change {
		c(&o)
	}
	l := must.Get(Connect(uri, o))(t)
	devdbtest.CloseLater(t, l)
	return l
}

// through is a Locker behind the proxy, with a warm connection.
func (w *wire) through(t *testing.T, change ...func(*Options)) *Locker {
	t.Helper()
	uri := must.Get(w.proxy.URI(w.server.URI))(t)
	l := w.connect(t, uri, change...)
	must.Happen(t, "a connection", func() bool {
		_, err := l.IsLocked(t.Context(), "warm")
		return err == nil
	})
	return l
}

// commands are those that arrived at the proxy since the last call, without the driver's own.
func (w *wire) commands() func() map[string]int {
	before := w.proxy.Count()
	return func() map[string]int {
		now := w.proxy.Count()
		out := maps.Clone(now)
		for name := range out {
			if out[name] -= before[name]; out[name] == 0 || name == "hello" || name == "isMaster" || name == "ismaster" || name == "endSessions" {
				delete(out, name)
			}
		}
		before = now
		return out
	}
}

func (w *wire) seen(kind EventKind, call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Kind == kind && (call == "" || e.Call == call) {
			n++
		}
	}
	return n
}

func (w *wire) raw(t *testing.T, key string) bson.Raw {
	t.Helper()
	raw := must.Get(w.direct.conn.current().coll.FindOne(t.Context(), bsonKey(key)).Raw())(t)
	return raw
}

// nth has the n-th of some command (from one) judged, and lets everything else pass.
func nth(command string, n int32, a faultproxy.Action) func(string) faultproxy.Action {
	var count atomic.Int32
	return func(c string) faultproxy.Action {
		if c == command && count.Add(1) == n {
			return a
		}
		return faultproxy.Pass
	}
}

func TestP2_OneCommandEach(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	calm := func(o *Options) { o.Timing = Timing{TTL: time.Hour} }
	a, b := w.through(t, calm), w.through(t, calm, func(o *Options) { o.Owner = "b" })
	sent := w.commands()
	var (
		lease *Lease
		held  *HeldError
		done  *DoneError
	)
	one, two := map[string]int{"findAndModify": 1}, map[string]int{"findAndModify": 1, "find": 1}
	for _, step := range []struct {
		name string
		do   func() error
		want map[string]int
	}{
		{"acquire of a new key", func() (err error) { lease, err = a.Acquire(t.Context(), "key"); return err }, one},
		{"renewal", func() error { return lease.Renew(t.Context()) }, one},
		{"refused acquire", func() error {
			if _, err := b.Try(t.Context(), "key"); !errors.As(err, &held) {
				return err
			}
			return nil
		}, one},
		{"release", func() error { return lease.Release(t.Context()) }, one},
		{"acquire of a known key", func() (err error) { lease, err = b.Try(t.Context(), "key"); return err }, one},
		{"done", func() error { return lease.Finish(t.Context(), Succeeded) }, one},
		{"done already, with its proof", func() error {
			if _, err := a.Try(t.Context(), "key"); !errors.As(err, &done) {
				return err
			}
			return nil
		}, two},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := sent(); !maps.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
}

func TestP4_ReplyDroppedOnTheWire(t *testing.T) {
	for name, action := range map[string]faultproxy.Action{"dropped": faultproxy.DropReply, "reset": faultproxy.ResetReply} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, sharedServer(t, 0))
			l := w.through(t)
			var nonces []string
			keep := OnNonce(func(n string) error { nonces = append(nonces, n); return nil })
			w.proxy.OnRequest(nth("findAndModify", 1, action))
			sent := w.commands()
			kept(t)(l.Try(t.Context(), "key", keep))
			if n := sent()["findAndModify"]; n < 3 || len(nonces) != 1 {
				t.Errorf("%d calls under %d nonces, want at least acquire, acquire, renewal under one", n, len(nonces))
			}
			if raw := w.raw(t, "key"); raw.Lookup("nonce").StringValue() != nonces[0] || raw.Lookup("beat").AsInt64() < 1 {
				t.Errorf("the document is %v: opened without a renewal", raw)
			}
		})
	}
}

func TestP4_EveryReplyDroppedOnTheWire(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	l := w.through(t)
	var acquires atomic.Int32
	w.proxy.OnRequest(func(c string) faultproxy.Action {
		if c == "findAndModify" {
			acquires.Add(1)
			return faultproxy.DropReply
		}
		return faultproxy.Pass
	})
	begun := time.Now()
	if _, err := l.Try(t.Context(), "key"); err == nil {
		t.Fatal("a lease that was never acknowledged")
	}
	if took := time.Since(begun); took > 2*quick().TTL {
		t.Errorf("given up after %v", took)
	}
	raw := w.raw(t, "key")
	if raw.Lookup("locked").Boolean() || raw.Lookup("finishTry").AsInt64() != 1 || acquires.Load() < 3 {
		t.Errorf("after %d calls: %v", acquires.Load(), raw)
	}
	kept(t)(w.direct.Try(t.Context(), "key"))
}

// TestP5_CutOffIsLostAtItsDeadline: the loss comes from the clock and waits for no call.
func TestP5_CutOffIsLostAtItsDeadline(t *testing.T) {
	for name, fault := range map[string]func(*faultproxy.Proxy){
		"cut": (*faultproxy.Proxy).Cut, "frozen": (*faultproxy.Proxy).Freeze, "deaf": (*faultproxy.Proxy).DropReplies,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, sharedServer(t, 0))
			clock := boottime.Clock{}
			lease := kept(t)(w.through(t).Try(t.Context(), "key"))
			fault(w.proxy)
			must.Come(t, lease.Done(), "the loss")
			now, deadline := clock.Now(), lease.Deadline()
			if late := now - deadline; late < 0 || late > 500*time.Millisecond {
				t.Errorf("done %v after the deadline", late)
			}
			if lease.Held() {
				t.Error("held after the deadline")
			}
			lostWith(t, lease.Err(), LostDeadline)
			w.proxy.Heal()
			if lease.Held() || lease.Deadline() != deadline {
				t.Error("held again")
			}
		})
	}
}

// TestP5_HeldIsFalseFromTheDeadlineOn asks all the time, while the network is frozen.
func TestP5_HeldIsFalseFromTheDeadlineOn(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	clock := boottime.Clock{}
	lease := kept(t)(w.through(t).Try(t.Context(), "key"))
	w.proxy.Freeze()
	asked := 0
	for over := false; !over; asked++ {
		deadline, now := lease.Deadline(), clock.Now()
		held := lease.Held()
		if held && now >= deadline && lease.Deadline() == deadline {
			t.Fatalf("held %v after the deadline", now-deadline)
		}
		over = now > deadline+100*time.Millisecond
		time.Sleep(time.Millisecond)
	}
	if asked < 100 {
		t.Errorf("asked only %d times", asked)
	}
	w.proxy.Heal()
}

func TestP5_RenewalReplyDroppedOnTheWire(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	l := w.through(t)
	lease := kept(t)(l.Try(t.Context(), "key"))
	w.proxy.OnRequest(nth("findAndModify", 1, faultproxy.DropReply))
	first := lease.Deadline()
	must.HappenWithin(t, quick().TTL, "a renewal after the one whose answer was lost", func() bool { return lease.Deadline() > first })
	if w.seen(EventUnknown, "renew") == 0 || !lease.Held() {
		t.Errorf("%d renewals unknown, held %v", w.seen(EventUnknown, "renew"), lease.Held())
	}
	if beat := w.raw(t, "key").Lookup("beat").AsInt64(); beat < 2 {
		t.Errorf("beat %d after two requests", beat)
	}
}

func TestP6_ReleaseReplyDroppedOnTheWire(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	lease := kept(t)(w.through(t).Try(t.Context(), "key"))
	w.proxy.OnRequest(nth("findAndModify", 1, faultproxy.DropReply))
	sent := w.commands()
	ctx := within(t, 2*quick().TTL)
	must.Do(t, lease.Release(ctx))
	raw := w.raw(t, "key")
	if n := raw.Lookup("finishTry").AsInt64(); n < 2 || raw.Lookup("locked").Boolean() || raw.Lookup("lastNonce").StringValue() != lease.Nonce() {
		t.Errorf("attempt %d, after %v: %v", n, sent(), raw)
	}
}

// TestP5_ServerKilledAndRestarted: kill -9 and a restart within the lease.
func TestP5_ServerKilledAndRestarted(t *testing.T) {
	s := devdbtest.Start(t, devdb.Restart)
	w := newWire(t, s)
	l := w.connect(t, s.URI, func(o *Options) {
		o.Timing = Timing{TTL: 20 * time.Second, Heartbeat: 500 * time.Millisecond, Operation: 2 * time.Second}
	})
	lease := kept(t)(l.Try(t.Context(), "key"))
	must.Do(t, s.Kill())
	must.Happen(t, "a renewal that fails", func() bool { return w.seen(EventUnknown, "renew") > 0 })
	must.Do(t, s.Restart(t.Context()))
	before := lease.Deadline()
	must.Happen(t, "a renewal after the restart", func() bool { return lease.Deadline() > before })
	if !lease.Held() {
		t.Error(lease.Err())
	}
	var held *HeldError
	if _, err := w.connect(t, s.URI).Try(t.Context(), "key"); !errors.As(err, &held) || held.Info.Token != lease.Token() {
		t.Errorf("%v, want held with the token %d", err, lease.Token())
	}
}
