//go:build linux

package podworkload

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// handClock is moved by the test.
type handClock struct{ now atomic.Int64 }

func (c *handClock) Now() time.Duration      { return time.Duration(c.now.Load()) }
func (c *handClock) advance(d time.Duration) { c.now.Add(int64(d)) }

// followed is a sidecar's directory with a follower of another process's.
func followed(t *testing.T) (d *statedir.Dir, f *statedir.Follower, cfg Config) {
	t.Helper()
	base := t.TempDir()
	d = must.Get(statedir.Open(base, "key"))(t)
	must.Do(t, d.TryLock())
	t.Cleanup(func() { _ = d.Close() })
	other := must.Get(statedir.Open(base, "key"))(t)
	cfg = config(t)
	cfg.Dir = d
	return d, &statedir.Follower{Dir: other, Clock: gate.BootClock(), Budget: gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}}, cfg
}

// holds writes the lease file as the gate's recorder does.
func holds(t *testing.T, d *statedir.Dir, token int64) {
	t.Helper()
	l := statedir.Lease{Key: "key", Token: token, Deadline: gate.BootClock().Now() + time.Minute, KillBudget: 4 * time.Second, Open: true}
	must.Do(t, d.WriteLease(l))
}

// startFollowed starts the sidecar's part, under token 1, and the follower's.
func startFollowed(t *testing.T, cfg Config, f *statedir.Follower) (*Workload, gate.Lease) {
	t.Helper()
	w := start(t, cfg, nil)
	holds(t, cfg.Dir, 1)
	w.Start(gate.Grant{Token: 1})
	l := must.Get(f.Acquire(t.Context()))(t)
	return w, l
}

func isOpen(t *testing.T, d *statedir.Dir) bool {
	t.Helper()
	l := must.Get(d.ReadLease())(t)
	return l.Open
}

func TestFollowersWord(t *testing.T) {
	d, f, cfg := followed(t)
	w, l := startFollowed(t, cfg, f)
	// Asked to end beside a follower that runs: it runs on, under a lease that is renewed.
	w.Stop()
	goneIs(t, w, false)
	if !isOpen(t, d) {
		t.Error("an ordinary SIGTERM has shut the lease file of a follower that runs")
	}
	must.Do(t, l.Finish(t.Context(), gate.Unbegun))
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
	_, f, cfg := followed(t)
	w, l := startFollowed(t, cfg, f)
	lose(w)
	<-l.Done() // the lease file was shut, by the fence itself if need be
	goneIs(t, w, false)
	must.Do(t, l.Finish(t.Context(), gate.Unbegun))
	goneIs(t, w, true)
}

// A follower that crashed will not give its word, and the one after it does not
// begin under a lease that is lost: only a gate that begins anew gets on.
func TestLossAfterACrashedFollower(t *testing.T) {
	_, f, cfg := followed(t)
	left := make(chan struct{}, 1)
	cfg.Leave = func() {
		select {
		case left <- struct{}{}:
		default:
		}
	}
	w, l := startFollowed(t, cfg, f)
	t.Cleanup(func() { _ = l.Finish(context.Background(), gate.Unbegun) })
	lose(w)
	goneIs(t, w, false)
	select {
	case <-left:
		t.Fatal("left beside a follower that lives")
	default:
	}
	must.Do(t, f.LockFile().Close()) // as the kernel does when it dies
	must.Come(t, left, "leaving, for nobody will give the word")
	goneIs(t, w, false)
}

func TestIdleRelease(t *testing.T) {
	d, f, cfg := followed(t)
	clock := &handClock{}
	cfg.Clock, cfg.Idle = clock, time.Minute
	w := start(t, cfg, nil)
	kept := func() {
		t.Helper()
		select {
		case err := <-w.Broken():
			t.Error(err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	holds(t, d, 1)
	w.Start(gate.Grant{Token: 1})
	clock.advance(time.Minute - 1)
	kept()
	l := must.Get(f.Acquire(t.Context()))(t)
	w.poke()
	time.Sleep(10 * cfg.Scan)
	clock.advance(time.Hour) // it runs
	kept()
	must.Do(t, l.Finish(t.Context(), gate.Unbegun))
	if w.Idled() {
		t.Error("idled, but the lease was kept")
	}
	time.Sleep(10 * cfg.Scan)
	clock.advance(time.Minute)
	brokenBy(t, w, ErrIdle)
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
	kept()
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
		w.stopBeside() // had it been decided before, it would come now
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
	d, _, cfg := followed(t)
	w := start(t, cfg, nil)
	holds(t, d, 1)
	w.Start(gate.Grant{Token: 1})
	w.Stop()
	must.Happen(t, "told", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.told })
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
	must.Do(t, s.remove())
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
