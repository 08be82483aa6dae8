//go:build linux

package podworkload

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// What becomes of the workload when the gate is frozen or killed, with the built binary, a real database and real processes.
func TestTwin(t *testing.T) {
	var p pod
	if os.Getenv(envInside) == "" && os.Geteuid() == 0 {
		p.env = builtGate(t, "MONGOGATE_TTL=8s", "MONGOGATE_HEARTBEAT=500ms", "MONGOGATE_OPERATION_TIMEOUT=2s")
	}
	if !inside(t, p) {
		return
	}
	t.Run("kill, the gate is frozen", func(t *testing.T) { frozen(t, "kill") })
	t.Run("exit, the gate is frozen", func(t *testing.T) { frozen(t, "exit") })
	t.Run("sentinel, the gate is frozen", func(t *testing.T) { frozen(t, "sentinel") })
	t.Run("kill, both are stopped once", bothStopped)
	t.Run("kill, the gate is killed", gateKilled)
	t.Run("kill, the gate is killed again and again", gateKeptDown)
	t.Run("kill, the next gate cannot begin", cannotBegin)
	t.Run("kill, told to end the gate is killed", killedWhileEnding)
	t.Run("kill, the gate is frozen and does not hold", frozenWhileWaiting)
	t.Run("kill, the gate is frozen in the middle of a loss", frozenInALoss)
	t.Run("kill, the twin is frozen", twinFrozen)
	t.Run("kill, the twin is killed", twinKilled)
}

// gate is the child of the twin; it waits until there is one.
func (s *sidecar) gate() proctree.Process {
	s.Helper()
	var gate proctree.Process
	must.Happen(s.T, "there is a gate", func() bool {
		all, _ := proctree.Scan()
		for _, p := range all {
			if p.PPID == s.cmd.Process.Pid && p.Alive() {
				gate = p
				return true
			}
		}
		return false
	})
	return gate
}

// again does something to a process every two milliseconds, so that nothing wakes it for long, until the test ends or release is called.
func again(t *testing.T, do func()) (release func()) {
	t.Helper()
	quit := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			do()
			select {
			case <-quit:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	release = sync.OnceFunc(func() { close(quit); loop.Wait() })
	t.Cleanup(release)
	return release
}

// inTime waits for the end of a workload, no later than the others may begin.
func inTime(t *testing.T, since time.Time, c *exec.Cmd) {
	t.Helper()
	dies(t, c, "the workload is gone")
	// ttl + grace after a renewal that was seen before.
	if took := time.Since(since); took > 9300*time.Millisecond {
		t.Errorf("gone after %v, and another may hold", took)
	}
}

func frozen(t *testing.T, protection string) {
	s, c := guarded(t, protection)
	gate := s.gate()
	since := time.Now()
	again(t, func() { _ = gate.Signal(syscall.SIGSTOP) })
	if protection == "kill" {
		inTime(t, since, c)
	}
	s.endsWith(88)
	if took := time.Since(since); took > 9300*time.Millisecond && protection == "exit" {
		t.Errorf("the container ended after %v", took)
	}
	lost := filepath.Join(s.dir(), "lost")
	if protection != "exit" && !is(lost) { // an exit waits for no file
		t.Error("no sentinel")
	}
	_ = c.Process.Kill()
}

// dir is the state directory of the key.
func (s *sidecar) dir() string { return filepath.Join(s.base, s.key) }

// Stopped as kill -STOP -1 does, both are woken by their own kernel timers.
func bothStopped(t *testing.T) {
	s, c := guarded(t, "kill")
	gate := s.gate()
	since := time.Now()
	_ = gate.Signal(syscall.SIGSTOP)
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	inTime(t, since, c)
	s.endsWith(88)
}

func gateKilled(t *testing.T) {
	s, c := guarded(t, "kill")
	first := s.gate()
	_ = first.Signal(syscall.SIGKILL)
	must.Happen(t, "another gate", func() bool { return s.gate().PID != first.PID })
	s.held()
	must.Happen(t, "it has adopted the lease", func() bool { out, _ := s.do("history"); return strings.Contains(out, "adopted") })
	if !alive(c.Process.Pid) {
		t.Error("killed although the lease was adopted")
	}
	_ = c.Process.Kill()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.endsWith(0)
	s.locked(false)
}

func gateKeptDown(t *testing.T) {
	s, c := guarded(t, "kill")
	since := time.Now()
	again(t, func() {
		all, _ := proctree.Scan()
		for _, p := range all {
			if p.PPID == s.cmd.Process.Pid {
				_ = p.Signal(syscall.SIGKILL)
			}
		}
	})
	inTime(t, since, c)
	s.endsWith(88)
}

// What the next gate needs is gone: the container does not end with that, for its workload has a deadline.
func cannotBegin(t *testing.T) {
	s, c := guarded(t, "kill")
	gate := s.gate()
	since := time.Now()
	must.Do(t, os.Rename(s.base, s.base+"-gone"))
	must.Do(t, os.WriteFile(s.base, nil, 0o600))
	_ = gate.Signal(syscall.SIGKILL)
	inTime(t, since, c)
	s.endsWith(88)
	if !strings.Contains(s.log.String(), "state-dir:") {
		t.Error("the next gate could begin")
	}
}

// A workload that takes its time to end is not left to itself where the gate that renews for it is killed.
func killedWhileEnding(t *testing.T) {
	s, c := guarded(t, "kill")
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.says("the lock is kept until")
	gate := s.gate()
	since := time.Now()
	_ = gate.Signal(syscall.SIGKILL)
	inTime(t, since, c)
	s.endsWith(88)
}

// While the lock is not held what is started is killed at each scan: by the twin should the gate be frozen.
func frozenWhileWaiting(t *testing.T) {
	other := newSidecar(t, "--protection", "sentinel")
	other.held()
	s := sidecarOf(t, other.key, t.TempDir())
	s.begin("--protection", "kill")
	s.says("waiting for the lock")
	gate := s.gate()
	since := time.Now()
	again(t, func() { _ = gate.Signal(syscall.SIGSTOP) })
	c := container(t, "work", stubborn)
	inTime(t, since, c)
	s.endsWith(88)
	other.locked(true)
}

func frozenInALoss(t *testing.T) {
	s := newSidecar(t, "--protection", "kill", "--kill-budget", "2s")
	s.held()
	heard := filepath.Join(t.TempDir(), "heard")
	c := container(t, "work", "trap 'echo >"+heard+"' TERM; while :; do sleep 0.02; done")
	gate := s.gate()
	s.succeeds("force-release")
	must.Happen(t, "SIGTERM is heard", func() bool { return is(heard) })
	since := time.Now()
	again(t, func() { _ = gate.Signal(syscall.SIGSTOP) })
	inTime(t, since, c)
	s.endsWith(88)
}

// A twin that does not answer is a protection that has failed: the gate does not go on alone.
func twinFrozen(t *testing.T) {
	s, c := guarded(t, "kill")
	release := again(t, func() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) })
	dies(t, c, "the workload is killed")
	if !strings.Contains(s.log.String(), "twin does not answer") {
		t.Error("nothing says why")
	}
	release()
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	s.endsWith(88)
}

func twinKilled(t *testing.T) {
	s := newSidecar(t, "--protection", "kill")
	s.held()
	gate := s.gate()
	_ = gate.Signal(syscall.SIGSTOP) // it cannot see for itself that its twin is gone
	killed := time.Now()
	s.kill()
	must.Happen(t, "the gate has died with its twin", func() bool { return !alive(gate.PID) })
	if took := time.Since(killed); took > 3*time.Second { // at the deadline its own timer would wake it
		t.Errorf("the gate lived on for %v", took)
	}
}
