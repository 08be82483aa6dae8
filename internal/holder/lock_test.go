//go:build linux

package holder

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
	if _, err := l.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("beside a gate that lives: %v, want it to wait", err)
	}
	if l.Dir.Locked() {
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
	finish(t, s, gate.Release)
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
	finish(t, s, gate.Release)
}

// A lock file that cannot be opened is no holder: nobody is said to hold what is free.
func TestOneLookWithoutItsLockFile(t *testing.T) {
	base, key := t.TempDir(), newKey()
	l := newLock(t, base, key)
	l.Once, l.Warn = true, func(error) {}
	if err := os.RemoveAll(l.Dir.Path()); err != nil {
		t.Fatal(err)
	}
	var held *mongolock.HeldError
	if _, err := l.Acquire(t.Context()); !errors.Is(err, os.ErrNotExist) || errors.As(err, &held) {
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
	l := &Lock{Locker: locker(t, uri), Key: key, Dir: d, Warn: func(err error) { t.Error(err) }}
	t.Cleanup(func() { // before the Locker's
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Acquire(within(t, 3*time.Second)); !errors.Is(err, ErrTimeout) {
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
	n, err := l.Dir.Nonces()
	if err != nil || !slices.Equal(n, nonces(s.(*lease).AnyLease)) || len(n) != 1 {
		t.Errorf("%v, %v", n, err)
	}
	finish(t, s, gate.Release)
	if n, err := l.Dir.Nonces(); err != nil || len(n) != 0 {
		t.Errorf("%v, %v", n, err)
	}
	// Not where the store has not answered.
	s = acquire(t, l)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Finish(ended, gate.Release); err == nil {
		t.Error("finished without the store")
	}
	if n, err := l.Dir.Nonces(); err != nil || len(n) != 1 {
		t.Errorf("forgotten although the store did not answer: %v, %v", n, err)
	}
}

func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		runs    bool
		outcome gate.Outcome
		state   string
	}{
		"no bucket, success": {false, gate.Succeeded, "free"},
		"no bucket, failure": {false, gate.Failed, "free"},
		"bucket, success":    {true, gate.Succeeded, "done"},
		"bucket, failure":    {true, gate.Failed, "free"},
		"bucket, release":    {true, gate.Release, "free"},
	} {
		l := newLock(t, t.TempDir(), newKey())
		l.Runs = test.runs
		finish(t, acquire(t, l), test.outcome)
		if i := info(t, l, l.Key); i.State != test.state {
			t.Errorf("%s: %s, want %s", name, i.State, test.state)
		}
	}
}

func TestPair(t *testing.T) {
	base, job := t.TempDir(), newKey()
	l := newLock(t, base, job+"@1")
	l.Job, l.Runs = job, true
	s := acquire(t, l)
	if n, err := l.Dir.Nonces(); err != nil || len(n) != 2 {
		t.Errorf("%v, %v", n, err)
	}
	if s.Key() != l.Key || s.Token() != info(t, l, job).Token {
		t.Errorf("key %s, token %d", s.Key(), s.Token())
	}
	// The next bucket waits for the job's key.
	next := newLock(t, t.TempDir(), job+"@2")
	next.Job, next.Runs = job, true
	if _, err := next.Acquire(within(t, 300*time.Millisecond)); !errors.Is(err, ErrTimeout) {
		t.Errorf("overlap: %v", err)
	}
	finish(t, s, gate.Succeeded)
	if run, of := info(t, l, l.Key), info(t, l, job); run.State != "done" || of.State != "free" {
		t.Errorf("run %s, job %s", run.State, of.State)
	}
	var done *mongolock.DoneError
	if _, err := l.Acquire(t.Context()); !errors.As(err, &done) {
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
	l.Runs, l.Abandoned, l.Keep = true, job+"@", time.Hour
	s := acquire(t, l)
	if i := info(t, l, job+"@0"); !i.PurgeAt.IsZero() {
		t.Errorf("marked before the run has ended: %v", i.PurgeAt)
	}
	finish(t, s, gate.Succeeded)
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
	if _, err := l.Acquire(within(t, 200*time.Millisecond)); !errors.As(err, &wait) || !errors.Is(err, ErrTimeout) || wait.Held == nil {
		t.Errorf("%v", err)
	}
	finish(t, s, gate.Release)
	// Standing back the lock is not tried, although it is free.
	l.StandBack = func() time.Duration { return time.Hour }
	if _, err := l.Acquire(within(t, 200*time.Millisecond)); !errors.As(err, &wait) || !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
	l.StandBack = func() time.Duration { return 0 }
	finish(t, acquire(t, l), gate.Release)
}
