//go:build linux

package agent

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
)

// jumping is a clock that moves on by a minute when the lock looks at it just after the store's answer to an acquisition,
// some times: what a process sees that slept there.
type jumping struct {
	gate.Clock
	left, by atomic.Int64
}

func (j *jumping) Now() time.Duration {
	if pc, _, _, ok := runtime.Caller(1); ok && strings.HasSuffix(runtime.FuncForPC(pc).Name(), "(*watches).saw") && j.left.Add(-1) >= 0 {
		j.by.Add(int64(time.Minute))
	}
	return j.Clock.Now() + time.Duration(j.by.Load())
}

// sleeper is a library whose process sleeps as its clock says.
func sleeper(t *testing.T, clock mongolock.Clock) *mongolock.Locker {
	t.Helper()
	l, err := mongolock.Connect(database.URI, mongolock.Options{
		Database: "mongogate_agent", Owner: "sleeper", Timing: mongolock.Timing{TTL: testTTL, Heartbeat: 200 * time.Millisecond, AllowShort: true},
		Poll: 20 * time.Millisecond, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	devdbtest.CloseLater(t, l)
	return l
}

// TestLeaseThatIsOverIsNeverHandedOut: the machine sleeps between the store's answer and the return, twice. Nothing was begun, so the waiting goes on.
func TestLeaseThatIsOverIsNeverHandedOut(t *testing.T) {
	for name, job := range map[string]string{"one key": "", "with its job": newKey()} {
		t.Run(name, func(t *testing.T) {
			clock := &jumping{Clock: gate.BootClock()}
			clock.left.Store(3)
			key := newKey()
			l := sleeper(t, clock)
			lock := &keys{locker: l, key: key, job: job, dir: stateDir(t, t.TempDir(), key), warn: func(err error) { t.Log(err) }}
			s := acquire(t, lock)
			if left := s.Deadline() - clock.Now(); left <= 0 || clock.by.Load() < int64(3*time.Minute) {
				t.Errorf("handed out with %v left, after %v of sleep", left, time.Duration(clock.by.Load()))
			}
			finish(t, lock, s, mongolock.Released)
		})
	}
}

// lateJumping is a clock that moves on by a minute just after the library has looked at a lease for the last time: what a
// process sees that sleeps while it writes the nonce down.
type lateJumping struct {
	gate.Clock
	left, by atomic.Int64
}

func (j *lateJumping) Now() time.Duration {
	now := j.Clock.Now() + time.Duration(j.by.Load())
	var pc [8]uintptr
	for frames, more := runtime.CallersFrames(pc[:runtime.Callers(2, pc[:])]), true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, "(*Locker).handOut") && j.left.Add(-1) >= 0 {
			j.by.Add(int64(time.Minute))
		}
	}
	return now
}

// TestLeaseThatIsOverWhenItsNonceIsKept: a lease was held when the library gave it out, and is not once its nonce is on the disk.
func TestLeaseThatIsOverWhenItsNonceIsKept(t *testing.T) {
	clock := &lateJumping{Clock: gate.BootClock()}
	clock.left.Store(2)
	key := newKey()
	l := sleeper(t, clock)
	lock := &keys{locker: l, key: key, dir: stateDir(t, t.TempDir(), key), warn: func(err error) { t.Log(err) }}
	s := acquire(t, lock)
	if left := s.Deadline() - clock.Now(); left <= 0 || clock.by.Load() != int64(2*time.Minute) {
		t.Errorf("handed out with %v left, after %v of sleep", left, time.Duration(clock.by.Load()))
	}
	finish(t, lock, s, mongolock.Released)
}

// TestCopiedDirectoryDoesNotAdopt: the state directory of a gate that lives is copied, and another gate is started with the copy.
func TestCopiedDirectoryDoesNotAdopt(t *testing.T) {
	base, key := t.TempDir(), newKey()
	_, c := startGate(t, base, key)
	elsewhere := filepath.Join(t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", base, elsewhere).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := newLock(t, elsewhere, key)
	ctx, cancel := context.WithTimeout(t.Context(), testTTL)
	defer cancel()
	if s, err := l.acquire(ctx); err == nil {
		finish(t, l, s, mongolock.Released)
		t.Error("a copy of the directory adopted the lease of a gate that lives")
	}
	if i := info(t, l, key); len(i.History) != 1 {
		t.Errorf("it changed hands: %+v", i.History)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}
