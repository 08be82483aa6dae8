//go:build linux

package statedir

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

var testBudget = gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}

func follower(t *testing.T, of *Dir) *Follower {
	t.Helper()
	return &Follower{Dir: open(t, filepath.Dir(of.Path()), "key"), Clock: gate.BootClock(), Budget: testBudget}
}

// lease is one that is open for a minute.
func lease(token int64) Lease {
	return Lease{Key: "key", Token: token, Deadline: gate.BootClock().Now() + time.Minute, KillBudget: 4 * time.Second, Open: true}
}

func write(t *testing.T, d *Dir, l Lease) {
	t.Helper()
	must.Do(t, d.WriteLease(l))
}

// stoppedIs asks for evidence, and lets go of it.
func stoppedIs(t *testing.T, d *Dir, token int64, want bool) {
	t.Helper()
	f, err := d.Stopped(token)
	if err != nil || (f != nil) != want {
		t.Errorf("nothing runs under %d: %v, %v, want %v", token, f != nil, err, want)
	}
	if f != nil {
		_ = f.Close()
	}
}

func TestFollowerWaitsForAnOpenGate(t *testing.T) {
	d := locked(t)
	f := follower(t, d)
	for name, prepare := range map[string]func(){
		"no file":      func() {},
		"shut":         func() { l := lease(1); l.Open = false; write(t, d, l) },
		"past":         func() { l := lease(1); l.Deadline = 1; write(t, d, l) },
		"another boot": func() { d.boot = "another"; write(t, d, lease(1)); d.boot = f.Dir.boot },
	} {
		prepare()
		if l, err := f.try(); l != nil || err != nil {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if l, err := f.Acquire(ctx); l != nil || !errors.Is(err, enough) {
		t.Errorf("%v, %v", l, err)
	}
}

func TestFollowerFollows(t *testing.T) {
	d := locked(t)
	f := follower(t, d)
	l := lease(1)
	write(t, d, l)
	s := must.Get(f.Acquire(t.Context()))(t)
	if s.Token() != 1 || s.Deadline() != l.Deadline || s.Key() != "key" || f.LockFile() == nil {
		t.Errorf("%d, %v, %s, %v", s.Token(), s.Deadline(), s.Key(), f.LockFile())
	}
	if other, err := follower(t, d).try(); other != nil || err != nil {
		t.Errorf("a second follower: %v, %v", other, err)
	}
	stoppedIs(t, d, 1, false)
	l.Deadline += time.Second
	write(t, d, l)
	<-s.Renewed()
	if s.Deadline() != l.Deadline {
		t.Errorf("%v, want %v", s.Deadline(), l.Deadline)
	}
	l.Deadline -= time.Minute / 2 // a deadline that was seen stands
	write(t, d, l)
	must.Do(t, d.ShutLease(1))
	<-s.Done()
	if !errors.Is(s.Err(), ErrShut) {
		t.Error(s.Err())
	}
	stoppedIs(t, d, 1, false)
	if err := s.Finish(t.Context(), gate.Unbegun); err != nil || f.LockFile() != nil {
		t.Errorf("%v, %v", err, f.LockFile())
	}
	stoppedIs(t, d, 1, true)
	stoppedIs(t, d, 2, false)
}

func TestFollowerLosesWhatIsOpenedAgain(t *testing.T) {
	d := locked(t)
	for name, change := range map[string]func(token int64) error{
		"another token":  func(token int64) error { return d.WriteLease(lease(token + 1)) },
		"no file":        func(int64) error { return os.Remove(d.path(leaseFile)) },
		"garbage":        func(int64) error { return os.WriteFile(d.path(leaseFile), []byte("{"), 0o600) },
		"passed":         func(token int64) error { l := lease(token); l.Deadline = 1; return d.WriteLease(l) },
		"of another key": func(token int64) error { l := lease(token); l.Key = "other"; return d.WriteLease(l) },
	} {
		f := follower(t, d)
		write(t, d, lease(10))
		s := must.Get(f.Acquire(t.Context()))(t)
		must.Do(t, change(10))
		must.Come(t, s.Done(), "its loss: "+name)
		must.Do(t, s.Finish(t.Context(), gate.Unbegun))
	}
}

func TestFollowerRefusesABudgetThatDoesNotFit(t *testing.T) {
	d := locked(t)
	write(t, d, lease(1)) // 4 s: three for SIGTERM
	f := follower(t, d)
	f.Budget.KillAfter = 3*time.Second + 1
	if l, err := f.try(); l != nil || !errors.Is(err, ErrBudget) {
		t.Errorf("%v, %v", l, err)
	}
	f.Budget.KillAfter = 3 * time.Second
	l := must.Get(f.Acquire(t.Context()))(t)
	must.Do(t, l.Finish(t.Context(), gate.Unbegun))
}

func TestMarkIdle(t *testing.T) {
	d := locked(t)
	mark := func(token int64) {
		t.Helper()
		must.Do(t, d.MarkIdle(token))
	}
	stoppedIs(t, d, 1, false) // nobody has said anything
	mark(1)
	stoppedIs(t, d, 1, true)
	mark(2)
	stoppedIs(t, d, 1, false)
	stoppedIs(t, d, 2, true)

	write(t, d, lease(2))
	f := follower(t, d)
	s := must.Get(f.Acquire(t.Context()))(t)
	mark(2)
	mark(3)
	stoppedIs(t, d, 2, false)
	stoppedIs(t, d, 3, false)
	must.Do(t, s.Finish(t.Context(), gate.Unbegun))
	stoppedIs(t, d, 2, true)
	mark(3)
	stoppedIs(t, d, 3, true)
}

// A follower that was killed, its guard too, has its flock taken from it, and
// may have left processes. Nobody says that it has not.
func TestACrashedFollowerIsNoEvidence(t *testing.T) {
	d := locked(t)
	write(t, d, lease(5))
	said, c := startChild(t, "follow", filepath.Dir(d.Path()))
	if said != "5" {
		t.Fatal(said)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if crashed, err := d.Crashed(); !crashed || err != nil {
		t.Errorf("it is not known to have crashed: %v", err)
	}
	for _, token := range []int64{5, 6} { // that lease, and the one after it
		must.Do(t, d.MarkIdle(token))
		stoppedIs(t, d, token, false)
	}
	// One of another boot has left none.
	d.boot = "another"
	must.Do(t, d.MarkIdle(6))
	stoppedIs(t, d, 6, true)
}

// Gates shut and ask for evidence while followers start and stop: never is
// there evidence while a follower runs, or a follower starts after it.
func TestNeverEvidenceBesideAFollower(t *testing.T) {
	d := locked(t)
	var running, evidence atomic.Int64 // tokens; zero is none
	var starts, words int
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		f := follower(t, d)
		all.Go(func() {
			for ctx.Err() == nil {
				l, err := f.try()
				if err != nil {
					t.Error(err)
					return
				}
				if l == nil {
					time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
					continue
				}
				if e := evidence.Load(); e != 0 {
					t.Errorf("started under %d while there was evidence for %d", l.Token(), e)
				}
				if !running.CompareAndSwap(0, l.Token()) {
					t.Errorf("two followers")
				}
				starts++ // under the flock
				time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				running.Store(0)
				if err := l.Finish(ctx, gate.Unbegun); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for token := int64(1); token <= 150; token++ {
		write(t, d, lease(token))
		must.Do(t, d.MarkIdle(token))
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		must.Do(t, d.ShutLease(token))
		for {
			// While there is no evidence a renewal that was under way may be written.
			write(t, d, lease(token))
			word := must.Get(d.Stopped(token))(t)
			if word == nil {
				must.Do(t, d.MarkIdle(token))
				continue
			}
			words++
			evidence.Store(token)
			if r := running.Load(); r != 0 {
				t.Errorf("evidence for %d while a follower runs under %d", token, r)
			}
			time.Sleep(time.Duration(rand.IntN(2)) * time.Millisecond)
			evidence.Store(0)
			_ = word.Close()
			break
		}
	}
	cancel()
	all.Wait()
	if starts < 20 || words != 150 {
		t.Errorf("%d starts, %d words: nothing was shown", starts, words)
	}
}

// The same with processes: a follower in another process is seen to run.
func TestEvidenceAgainstAFollowerOfAnotherProcess(t *testing.T) {
	d := locked(t)
	write(t, d, lease(9))
	must.Do(t, d.MarkIdle(9))
	stoppedIs(t, d, 9, true)
	said, c := startChild(t, "follow", filepath.Dir(d.Path()))
	if said != "9" {
		t.Fatal(said)
	}
	must.Do(t, d.ShutLease(9))
	stoppedIs(t, d, 9, false)
	_ = c.Process.Kill()
	_ = c.Wait()
	stoppedIs(t, d, 9, false)
}
