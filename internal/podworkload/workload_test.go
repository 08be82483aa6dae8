//go:build linux

package podworkload

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// handClock is moved by the test.
type handClock struct{ now atomic.Int64 }

func (c *handClock) Now() time.Duration      { return time.Duration(c.now.Load()) }
func (c *handClock) advance(d time.Duration) { c.now.Add(int64(d)) }

// followed is a sidecar's directory with a follower of another process's.
func followed(t *testing.T) (*statedir.Dir, *statedir.Follower) {
	t.Helper()
	base := t.TempDir()
	d, err := statedir.Open(base, "key")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	other, err := statedir.Open(base, "key")
	if err != nil {
		t.Fatal(err)
	}
	return d, &statedir.Follower{Dir: other, Clock: gate.BootClock(), Budget: gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}}
}

// holds writes the lease file as the gate's recorder does.
func holds(t *testing.T, d *statedir.Dir, token int64) {
	t.Helper()
	l := statedir.Lease{Key: "key", Token: token, Deadline: gate.BootClock().Now() + time.Minute, KillBudget: 4 * time.Second, Open: true}
	if err := d.WriteLease(l); err != nil {
		t.Fatal(err)
	}
}

// startFollowed starts the sidecar's part, under token 1, and the follower's.
func startFollowed(t *testing.T, cfg Config, f *statedir.Follower) (*Workload, gate.Lease) {
	t.Helper()
	w := start(t, cfg, nil)
	holds(t, cfg.Dir, 1)
	w.Start(gate.Grant{Token: 1})
	l, err := f.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w, l
}

func isOpen(t *testing.T, d *statedir.Dir) bool {
	t.Helper()
	l, err := d.ReadLease()
	if err != nil {
		t.Fatal(err)
	}
	return l.Open
}

func TestFollowersWord(t *testing.T) {
	d, f := followed(t)
	cfg := config(t)
	cfg.Dir = d
	w, l := startFollowed(t, cfg, f)
	// Asked to end beside a follower that runs: it runs on, under a lease that is renewed.
	w.Stop()
	goneIs(t, w, false)
	if !isOpen(t, d) {
		t.Error("an ordinary SIGTERM has shut the lease file of a follower that runs")
	}
	if err := l.Finish(t.Context(), gate.Release); err != nil {
		t.Fatal(err)
	}
	goneIs(t, w, true)
	if isOpen(t, d) {
		t.Error("evidence, but the lease file is open")
	}
	holds(t, d, 1) // a renewal that was under way
	if isOpen(t, d) {
		t.Error("the lease file was opened again")
	}
	if lock, err := d.Stopped(1); lock != nil || err != nil {
		t.Errorf("the follower's flock was let go before the lease was given back: %v", err)
	}
}

func TestLossBesideAFollower(t *testing.T) {
	d, f := followed(t)
	cfg := config(t)
	cfg.Dir = d
	w, l := startFollowed(t, cfg, f)
	<-w.Warn("lost")
	w.Terminate()
	w.Kill()
	<-l.Done() // the lease file was shut, by the fence itself if need be
	goneIs(t, w, false)
	if err := l.Finish(t.Context(), gate.Release); err != nil {
		t.Fatal(err)
	}
	goneIs(t, w, true)
}

// A follower that crashed will not give its word, and the one after it does not
// begin under a lease that is lost: only a gate that begins anew gets on.
func TestLossAfterACrashedFollower(t *testing.T) {
	d, f := followed(t)
	cfg := config(t)
	cfg.Dir = d
	left := make(chan struct{}, 1)
	cfg.Leave = func() {
		select {
		case left <- struct{}{}:
		default:
		}
	}
	w, l := startFollowed(t, cfg, f)
	t.Cleanup(func() { _ = l.Finish(context.Background(), gate.Release) })
	<-w.Warn("lost")
	w.Terminate()
	w.Kill()
	goneIs(t, w, false)
	select {
	case <-left:
		t.Fatal("left beside a follower that lives")
	default:
	}
	if err := f.LockFile().Close(); err != nil { // as the kernel does when it dies
		t.Fatal(err)
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("waits for a word that nobody will give")
	}
	goneIs(t, w, false)
}

func TestIdleRelease(t *testing.T) {
	d, f := followed(t)
	cfg := config(t)
	clock := &handClock{}
	cfg.Dir, cfg.Clock, cfg.Idle = d, clock, time.Minute
	w := start(t, cfg, nil)
	broken := func(want bool) {
		t.Helper()
		wait := 20 * time.Second
		if !want {
			wait = 100 * time.Millisecond
		}
		select {
		case err := <-w.Broken():
			if !want || !errors.Is(err, ErrIdle) {
				t.Error(err)
			}
		case <-time.After(wait):
			if want {
				t.Error("the lease is kept for nobody")
			}
		}
	}
	holds(t, d, 1)
	w.Start(gate.Grant{Token: 1})
	clock.advance(time.Minute - 1)
	broken(false)
	l, err := f.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.poke()
	time.Sleep(10 * cfg.Scan)
	clock.advance(time.Hour) // it runs
	broken(false)
	if err := l.Finish(t.Context(), gate.Release); err != nil {
		t.Fatal(err)
	}
	if w.Idled() {
		t.Error("idled, but the lease was kept")
	}
	time.Sleep(10 * cfg.Scan)
	clock.advance(time.Minute)
	broken(true)
	if !w.Idled() || w.Idled() {
		t.Error("idled is not said once")
	}
	<-w.Warn("idle")
	w.Terminate()
	goneIs(t, w, true)
	// What was said of the lease before does not break the next one.
	w.broken <- ErrIdle
	holds(t, d, 2)
	w.Start(gate.Grant{Token: 2})
	broken(false)
}

// The lock is won in the moment in which what runs beside is fenced: either
// way the gate is open afterwards, and nothing of the fence comes late.
func TestWonWhileFencing(t *testing.T) {
	for range 300 {
		cfg := config(t)
		clock := &handClock{}
		cfg.Clock, cfg.Scan, cfg.Log = clock, 20*time.Microsecond, logr.Discard()
		w := start(t, cfg, &statedir.Lease{Open: true, Deadline: 1, KillBudget: 2})
		var both sync.WaitGroup
		both.Go(func() { clock.advance(5) })
		both.Go(func() { w.Start(gate.Grant{Token: 1}) })
		both.Wait()
		w.Close()
		w.fenceBeside() // had it been decided before, it would come now
		w.mu.Lock()
		p := w.phase
		w.mu.Unlock()
		if p != open {
			t.Fatalf("phase %d after the gate has opened", p)
		}
		if is(cfg.Sentinel) {
			t.Fatal("open, and the sentinel is there")
		}
	}
}

// A loss that comes beside the evidence does not end the fencing.
func TestLossAfterEvidence(t *testing.T) {
	d, _ := followed(t)
	cfg := config(t)
	cfg.Dir = d
	w := start(t, cfg, nil)
	holds(t, d, 1)
	w.Start(gate.Grant{Token: 1})
	w.Stop()
	until(t, "told", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.told })
	<-w.Warn("the deadline has passed")
	if w.mu.Lock(); w.phase != shut {
		t.Errorf("phase %d", w.phase)
	}
	w.mu.Unlock()
	goneIs(t, w, true)
}

func TestSentinelThatComesLate(t *testing.T) {
	s := sentinel{path: filepath.Join(t.TempDir(), "a", "lost")}
	write := s.writer("reason")
	if err := s.remove(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil || is(s.path) {
		t.Errorf("written after the gate opened: %v", err)
	}
	if err := s.writer("reason")(); err != nil || !is(s.path) {
		t.Error(err)
	}
	if err := s.remove(); err != nil || is(s.path) {
		t.Error(err)
	}
}

func TestLeaving(t *testing.T) {
	for name, test := range map[string]struct {
		atOnce     bool
		term, kill int32
	}{"exit": {true, 1, 2}, "no evidence": {false, 0, 1}} {
		cfg := config(t)
		var left atomic.Int32
		cfg.Leave, cfg.LeaveAtOnce = func() { left.Add(1) }, test.atOnce
		w := start(t, cfg, nil)
		if w.Evidence() != "" {
			t.Skip("not shown here: there is a shared process namespace")
		}
		w.Start(gate.Grant{Token: 1})
		<-w.Warn("lost")
		w.Terminate()
		if left.Load() != test.term {
			t.Errorf("%s: left %d times at SIGTERM", name, left.Load())
		}
		w.Kill()
		if left.Load() != test.kill {
			t.Errorf("%s: left %d times at SIGKILL", name, left.Load())
		}
	}
}
