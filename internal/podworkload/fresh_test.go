//go:build linux

package podworkload

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// What becomes of the workload when the sidecar's whole container has ended, and the gate in the one that the kubelet starts after it
// cannot begin: with the built binary, a real database and real processes.
func TestFreshContainerCannotBegin(t *testing.T) {
	var p pod
	if os.Getenv(envInside) == "" && os.Geteuid() == 0 {
		p.env = builtGate(t, "MONGOGATE_TTL=8s", "MONGOGATE_HEARTBEAT=500ms", "MONGOGATE_OPERATION_TIMEOUT=2s")
	}
	if !inside(t, p) {
		return
	}
	kill, wrong := []string{"--protection", "kill"}, []string{"--protection", "kill", "--ttl", "soon"}
	for _, c := range []struct {
		protection, why string
		before          func(f *fresh)
		args            []string
		after           func(f *fresh)
		code            int
	}{
		{"kill", "a setting is wrong", nil, wrong, nil, 64},
		{"kill", "the disk is full", func(f *fresh) { fill(f.T, f.base) }, kill, nil, 71},
		{"sentinel", "the key is missing and a flag unknown", func(f *fresh) {
			f.env = slices.DeleteFunc(f.env, func(v string) bool { return strings.HasPrefix(v, "MONGOGATE_KEY=") })
		}, []string{"--tell", "--protection", "sentinel"}, nil, 64},
		{"sentinel", "the disk is full", func(f *fresh) { fill(f.T, f.base) }, []string{"--protection", "sentinel"}, nil, 71},
		{"kill", "told to end meanwhile", nil, wrong, func(f *fresh) {
			f.says("left its lease open")
			_ = f.cmd.Process.Signal(syscall.SIGTERM)
		}, 64},
		{"kill", "the lease is over when it is started", func(f *fresh) {
			must.Happen(f, "the lease is over", func() bool { return time.Since(f.since) > 7*time.Second })
		}, wrong, nil, 64},
	} {
		t.Run(c.protection+", "+c.why, func(t *testing.T) {
			f := begunOnce(t, c.protection)
			if c.before != nil {
				c.before(f)
			}
			f.begin(c.args...)
			if c.after != nil {
				c.after(f)
			}
			f.stoppedInTime(c.protection)
			f.endsWith(c.code)
		})
	}
	t.Run("kill, what was wrong is mended", func(t *testing.T) {
		f := begunOnce(t, "kill")
		filler := fill(t, f.base)
		f.begin("--protection", "kill")
		f.says("left its lease open")
		must.Do(t, os.Remove(filler))
		f.held()
		if !alive(f.work.Process.Pid) {
			t.Error("killed although the lease was adopted")
		}
	})
	t.Run("nothing says that a workload runs", func(t *testing.T) {
		s := newSidecar(t, "--protection", "kill", "--ttl", "soon")
		s.endsWith(64)
		if strings.Contains(s.log.String(), "left its lease open") {
			t.Error("it waits for a lease that nobody has left")
		}
	})
	t.Run("the gate that has the lease lives", func(t *testing.T) {
		s, c := guarded(t, "kill")
		second := sidecarOf(t, s.key, s.base)
		second.begin("--protection", "kill", "--ttl", "soon")
		second.endsWith(64)
		if strings.Contains(second.log.String(), "left its lease open") || !alive(c.Process.Pid) {
			t.Error("it meddles with what another gate sees to")
		}
	})
}

// fresh is a sidecar whose container has ended, twin and gate, beside a workload that runs on.
type fresh struct {
	*sidecar
	work  *exec.Cmd
	since time.Time
}

// begunOnce has its state directory on a small file system of its own.
func begunOnce(t *testing.T, protection string) *fresh {
	t.Helper()
	base := t.TempDir()
	must.Do(t, unix.Mount("tmpfs", base, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { _ = unix.Unmount(base, unix.MNT_DETACH) })
	f := &fresh{sidecar: sidecarOf(t, rand.Text()[:8], base)}
	f.begin("--protection", protection)
	f.held()
	f.work = container(t, "work", stubborn)
	gate := f.gate()
	f.since = time.Now()
	f.kill()
	must.Happen(t, "the gate has died with its twin", func() bool { return !alive(gate.PID) })
	return f
}

// stoppedInTime: the workload is killed, or told by a sentinel, which is not written while the lease lasts.
func (f *fresh) stoppedInTime(protection string) {
	f.Helper()
	if protection == "kill" {
		inTime(f.T, f.since, f.work)
		return
	}
	must.Happen(f, "the sentinel is there", func() bool { return is(filepath.Join(f.dir(), "lost")) })
	if took := time.Since(f.since); took > 9300*time.Millisecond || took < 5*time.Second {
		f.Errorf("told after %v", took)
	}
	_ = f.work.Process.Kill()
}
