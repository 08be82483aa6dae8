//go:build linux

package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/faultproxy"
)

func newKey() string { return "k-" + rand.Text()[:10] }

// A gate is killed; the next one, with the same directory, goes on at once.
func TestAdoptionAfterACrash(t *testing.T) {
	base, key := t.TempDir(), newKey()
	before, c := startGate(t, base, key)
	l := newLock(t, base, key)
	// While the other lives there is no try, however long one waits.
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := l.acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("beside a gate that lives: %v, want it to wait", err)
	}
	if l.dir.Locked() {
		t.Fatal("two gates have the flock")
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	began := time.Now()
	s := acquire(t, l)
	if took := time.Since(began); took > testTTL/2 {
		t.Errorf("adopted after %v", took)
	}
	if old, err := strconv.ParseInt(before, 10, 64); err != nil || s.Token() <= old {
		t.Errorf("token %d after %s", s.Token(), before)
	}
	if h := info(t, l, key).History; h[len(h)-1].How != "adopted" {
		t.Errorf("%+v", h)
	}
	finish(t, l, s, mongolock.Released)
}

// Another directory is another machine's: it waits for the lease to fall silent for as long as that says.
func TestNoAdoptionFromElsewhere(t *testing.T) {
	key := newKey()
	_, c := startGate(t, t.TempDir(), key)
	_ = c.Process.Kill()
	_ = c.Wait()
	began := time.Now()
	l := newLock(t, t.TempDir(), key)
	s := acquire(t, l)
	if took := time.Since(began); took < testTTL {
		t.Errorf("taken over after %v, want %v at least", took, testTTL)
	}
	finish(t, l, s, mongolock.Released)
}

// A lock file that cannot be opened is no holder: nobody is said to hold what is free.
func TestOneLookWithoutItsLockFile(t *testing.T) {
	base, key := t.TempDir(), newKey()
	l := newLock(t, base, key)
	l.once, l.warn = true, func(error) {}
	if err := os.RemoveAll(l.dir.Path()); err != nil {
		t.Fatal(err)
	}
	var held *mongolock.HeldError
	if _, err := l.acquire(t.Context()); !errors.Is(err, os.ErrNotExist) || errors.As(err, &held) {
		t.Errorf("%v, want the file that is missing", err)
	}
}

// What goes to the store is in the directory before.
func TestNonceIsKeptBeforeItIsSent(t *testing.T) {
	p, uri := devdbtest.Proxied(t, database)
	base, key := t.TempDir(), newKey()
	d := stateDir(t, base, key)
	var sent, kept atomic.Int64
	p.OnRequest(func(command string) faultproxy.Action {
		if command != "findAndModify" {
			return faultproxy.Pass
		}
		sent.Add(1)
		if b, err := os.ReadFile(filepath.Join(d.Path(), "nonce")); err == nil && strings.Contains(string(b), `"nonces":["`) {
			kept.Add(1)
		}
		return faultproxy.DropRequest // it never arrives: the outcome is unknown
	})
	l := &keys{locker: locker(t, uri), key: key, dir: d, warn: func(err error) { t.Error(err) }}
	t.Cleanup(func() { // before the Locker's
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.acquire(timedOut(t, 3*time.Second)); !errors.Is(err, errTimeout) {
		t.Errorf("%v, want the timeout", err)
	}
	if sent.Load() == 0 || sent.Load() != kept.Load() {
		t.Errorf("%d tries, before %d of which the nonce was kept", sent.Load(), kept.Load())
	}
	if n, err := d.Nonces(); err != nil || len(n) == 0 {
		t.Errorf("a nonce of unknown outcome was forgotten: %v, %v", n, err)
	}
}

func TestNoncesAreForgotten(t *testing.T) {
	l := newLock(t, t.TempDir(), newKey())
	s := acquire(t, l)
	n, err := l.dir.Nonces()
	if err != nil || !slices.Equal(n, nonces(s)) || len(n) != 1 {
		t.Errorf("%v, %v", n, err)
	}
	finish(t, l, s, mongolock.Released)
	if n, err := l.dir.Nonces(); err != nil || len(n) != 0 {
		t.Errorf("%v, %v", n, err)
	}
	// Not where the store has not answered.
	s = acquire(t, l)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Finish(ended, mongolock.Released); err == nil {
		t.Error("finished without the store")
	}
	if n, err := l.dir.Nonces(); err != nil || len(n) != 1 {
		t.Errorf("forgotten although the store did not answer: %v, %v", n, err)
	}
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		runs    bool
		outcome mongolock.Outcome
		state   string
	}{
		"no bucket, success": {false, mongolock.Succeeded, "free"},
		"no bucket, failure": {false, mongolock.Failed, "free"},
		"bucket, success":    {true, mongolock.Succeeded, "done"},
		"bucket, failure":    {true, mongolock.Failed, "free"},
		"bucket, release":    {true, mongolock.Released, "free"},
	} {
		l := newLock(t, t.TempDir(), newKey())
		l.runs = test.runs
		finish(t, l, acquire(t, l), test.outcome)
		if i := info(t, l, l.key); i.State != test.state {
			t.Errorf("%s: %s, want %s", name, i.State, test.state)
		}
	}
}

func TestPair(t *testing.T) {
	base, job := t.TempDir(), newKey()
	l := newLock(t, base, job+"@1")
	l.job, l.runs = job, true
	s := acquire(t, l)
	if n, err := l.dir.Nonces(); err != nil || len(n) != 2 {
		t.Errorf("%v, %v", n, err)
	}
	if s.Key() != l.key || s.Token() != info(t, l, job).Token {
		t.Errorf("key %s, token %d", s.Key(), s.Token())
	}
	// The next bucket waits for the job's key.
	next := newLock(t, t.TempDir(), job+"@2")
	next.job, next.runs = job, true
	if _, err := next.acquire(timedOut(t, 300*time.Millisecond)); !errors.Is(err, errTimeout) {
		t.Errorf("overlap: %v", err)
	}
	finish(t, l, s, mongolock.Succeeded)
	if run, of := info(t, l, l.key), info(t, l, job); run.State != "done" || of.State != "free" {
		t.Errorf("run %s, job %s", run.State, of.State)
	}
	var done *mongolock.DoneError
	if _, err := l.acquire(t.Context()); !errors.As(err, &done) {
		t.Errorf("again: %v", err)
	}
}

func TestAbandonedBucketsAreMarked(t *testing.T) {
	job := newKey()
	_, c := startGate(t, t.TempDir(), job+"@0")
	_ = c.Process.Kill()
	_ = c.Wait()
	long := time.Now().Add(-24 * time.Hour)
	if _, err := collection(t).UpdateByID(t.Context(), job+"@0", bson.D{{Key: "$set", Value: bson.D{{Key: "touched", Value: long}, {Key: "expire", Value: long}, {Key: "created", Value: long}}}}); err != nil {
		t.Fatal(err)
	}
	l := newLock(t, t.TempDir(), job+"@1")
	l.runs, l.abandoned, l.keep = true, job+"@", time.Hour
	s := acquire(t, l)
	if i := info(t, l, job+"@0"); !i.PurgeAt.IsZero() {
		t.Errorf("marked before the run has ended: %v", i.PurgeAt)
	}
	finish(t, l, s, mongolock.Succeeded)
	if i := info(t, l, job+"@0"); i.PurgeAt.IsZero() {
		t.Error("an abandoned bucket stays forever")
	}
}

func TestTimeoutAndStandingBack(t *testing.T) {
	key := newKey()
	first := newLock(t, t.TempDir(), key)
	s := acquire(t, first)
	var wait *mongolock.WaitError
	l := newLock(t, t.TempDir(), key)
	if _, err := l.acquire(timedOut(t, 200*time.Millisecond)); !errors.As(err, &wait) || !errors.Is(err, errTimeout) || wait.Held == nil {
		t.Errorf("%v", err)
	}
	finish(t, first, s, mongolock.Released)
	// Standing back the lock is not tried, although it is free.
	l.standBack = func() time.Duration { return time.Hour }
	if _, err := l.acquire(timedOut(t, 200*time.Millisecond)); !errors.As(err, &wait) || !errors.Is(err, errTimeout) {
		t.Errorf("%v", err)
	}
	l.standBack = func() time.Duration { return 0 }
	finish(t, l, acquire(t, l), mongolock.Released)
}

// A gate that comes back beside its workload and is told to end as it adopts its lease does not give the key to others, who would
// begin beside that.
func TestUnbegunLeaseOfAnEarlierGateIsLeft(t *testing.T) {
	base, key := t.TempDir(), newKey()
	_, c := startGate(t, base, key)
	_ = c.Process.Kill()
	_ = c.Wait()
	k := newLock(t, base, key)
	l := &lock{ses: &session{log: logr.Discard()}, keys: k}
	if err := (&lease{AnyLease: acquire(t, k), lock: l}).Finish(t.Context(), gate.Unbegun); err != nil {
		t.Fatal(err)
	}
	if i := info(t, k, key); i.State != "held" {
		t.Errorf("it is %s", i.State)
	}
	// Nobody's lease before it is given back.
	fresh := newLock(t, t.TempDir(), newKey())
	l.keys = fresh
	if err := (&lease{AnyLease: acquire(t, fresh), lock: l}).Finish(t.Context(), gate.Unbegun); err != nil {
		t.Fatal(err)
	}
	if i := info(t, fresh, fresh.key); i.State != "free" {
		t.Errorf("it is %s", i.State)
	}
}
