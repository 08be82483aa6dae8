package mongolock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// world is a fake cluster with its clients under virtual time, where a fault
// has its instant and a deadline can be compared exactly. Calls take no time but what a fault adds.
type world struct {
	cluster *fakemongo.Cluster
	start   time.Time

	mu     sync.Mutex
	judge  func(sentCall) fakemongo.Verdict
	calls  []sentCall
	events []Event
}

// sentCall is one findAndModify or find of a process as it was sent.
type sentCall struct {
	fakemongo.Call
	// N counts the calls of the process from 0, monitoring left out.
	N  int
	At time.Duration
	// Nonce is the one that an acquisition writes, or that a renewal or an end filters on.
	Nonce string
	// Upsert tells acquisitions from what follows.
	Upsert bool
}

// Now makes the world a Clock: the bubble's, for CLOCK_BOOTTIME is not virtual.
func (w *world) Now() time.Duration { return time.Since(w.start) }

func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		w := &world{start: time.Now(), judge: func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} }}
		w.cluster = fakemongo.New(fakemongo.Options{ReplicaSet: "rs", Decide: w.decide})
		t.Cleanup(w.cluster.Close)
		test(t, w)
	})
}

// runInBubble is a subtest in a bubble of its own.
func runInBubble(t *testing.T, name string, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { inBubble(t, test) })
}

func (w *world) decide(c fakemongo.Call) fakemongo.Verdict {
	if c.Monitoring() {
		return fakemongo.Verdict{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := sentCall{Call: c, At: w.Now()}
	for _, earlier := range w.calls {
		if earlier.Process == c.Process {
			s.N++
		}
	}
	for _, e := range c.Body {
		switch e.Key {
		case "upsert":
			s.Upsert, _ = e.Value.(bool)
		case "query":
			s.Nonce += find(e.Value, "nonce")
		}
	}
	if s.Upsert {
		s.Nonce = sentNonce(c.Body)
	}
	w.calls = append(w.calls, s)
	return w.judge(s)
}

// find is the first string under a key, at any depth.
func find(v any, key string) string {
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			if s, ok := e.Value.(string); ok && e.Key == key {
				return s
			}
			if s := find(e.Value, key); s != "" {
				return s
			}
		}
	case bson.A:
		for _, item := range v {
			if s := find(item, key); s != "" {
				return s
			}
		}
	}
	return ""
}

// sentNonce is what an acquisition's pipeline writes as nonce: {nonce: {$literal: …}}.
func sentNonce(v any) string {
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			if inner, ok := e.Value.(bson.D); ok && e.Key == "nonce" && len(inner) == 1 && inner[0].Key == "$literal" {
				s, _ := inner[0].Value.(string)
				return s
			}
			if s := sentNonce(e.Value); s != "" {
				return s
			}
		}
	case bson.A:
		for _, item := range v {
			if s := sentNonce(item); s != "" {
				return s
			}
		}
	}
	return ""
}

// on has every later call of the clients judged.
func (w *world) on(judge func(sentCall) fakemongo.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judge = judge
}

// fault has one verdict on some of the later calls.
func (w *world) fault(v fakemongo.Verdict, when func(sentCall) bool) {
	w.on(func(c sentCall) fakemongo.Verdict {
		if when(c) {
			return v
		}
		return fakemongo.Verdict{}
	})
}

// sent is every call of a process so far.
func (w *world) sent(process int) []sentCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []sentCall
	for _, c := range w.calls {
		if c.Process == process {
			out = append(out, c)
		}
	}
	return out
}

// seen is every event of a kind so far.
func (w *world) seen(kind EventKind) []Event {
	bubble.Wait() // the observer is told by and by
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e Event) bool { return e.Kind != kind })
}

// locker is a Locker of one process, with the default timing, closed at the end of the test.
func (w *world) locker(t *testing.T, process int, change ...func(*Options)) *Locker {
	t.Helper()
	o := Options{
		Owner: "process-" + string(rune('0'+process)), Clock: w,
		Observe: func(e Event) { w.mu.Lock(); defer w.mu.Unlock(); w.events = append(w.events, e) },
		testOnlyClient: func(c *options.ClientOptions) {
			c.SetDialer(w.cluster.Dialer(process)).SetServerMonitoringMode("poll")
		},
	}
	for _, c := range change {
		c(&o)
	}
	l := must.Get(Connect("mongodb://fakemongo:27017/?directConnection=true", o))(t)
	t.Cleanup(func() {
		// The driver reads the late answer of a call that was given up for 400 ms more, and a client that is closed
		// meanwhile waits for that without a pause: time would stand still.
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		must.Do(t, l.Close(ctx))
	})
	return l
}

// doc is the document as a majority has it.
func (w *world) doc(key string) *document {
	raw := w.cluster.Document(DefaultDatabase+"."+DefaultCollection, key)
	if raw == nil {
		return nil
	}
	return decode(raw)
}

// put stores a document.
func (w *world) put(t *testing.T, process int, doc bson.D) {
	t.Helper()
	l := w.locker(t, process)
	must.Get(l.conn.current().coll.InsertOne(t.Context(), doc))(t)
}

// release ends a lease, if it still stands.
func release(t *testing.T, lease *Lease) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := lease.Release(ctx); err != nil && !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

// kept is a lease that was acquired, released at the end of the test: lease := kept(t)(l.Try(ctx, key)).
func kept(t *testing.T) func(*Lease, error) *Lease {
	return func(lease *Lease, err error) *Lease {
		t.Helper()
		must.Do(t, err)
		t.Cleanup(func() { release(t, lease) })
		return lease
	}
}

// within is a context that ends with the test, or after a time.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
