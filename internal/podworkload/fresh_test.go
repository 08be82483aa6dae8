//go:build linux

package podworkload

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	t.Run("kill, a setting is wrong", func(t *testing.T) {
		f := begunOnce(t, "kill")
		f.begin("--protection", "kill", "--ttl", "soon")
		f.killedInTime()
		f.endsWith(64)
	})
	t.Run("kill, the disk is full", func(t *testing.T) {
		f := begunOnce(t, "kill")
		f.fill()
		f.begin("--protection", "kill")
		f.killedInTime()
		f.endsWith(71)
	})
	t.Run("sentinel, the key is missing and a flag unknown", func(t *testing.T) {
		f := begunOnce(t, "sentinel")
		for i, v := range f.env {
			if strings.HasPrefix(v, "MONGOGATE_KEY=") {
				f.env[i] = "NO_KEY="
			}
		}
		f.begin("--tell", "--protection", "sentinel")
		f.toldInTime()
		f.endsWith(64)
	})
	t.Run("sentinel, the disk is full", func(t *testing.T) {
		f := begunOnce(t, "sentinel")
		f.fill()
		f.begin("--protection", "sentinel")
		f.toldInTime()
		f.endsWith(71)
	})
	t.Run("kill, told to end meanwhile", func(t *testing.T) {
		f := begunOnce(t, "kill")
		f.begin("--protection", "kill", "--ttl", "soon")
		until(t, "it says what it waits for", func() bool { return strings.Contains(f.log.String(), "left its lease open") })
		_ = f.cmd.Process.Signal(syscall.SIGTERM)
		f.killedInTime()
		f.endsWith(64)
	})
	t.Run("kill, the lease is over when it is started", func(t *testing.T) {
		f := begunOnce(t, "kill")
		until(t, "the lease is over", func() bool { return time.Since(f.since) > 7*time.Second })
		f.begin("--protection", "kill", "--ttl", "soon")
		f.killedInTime()
		f.endsWith(64)
	})
	t.Run("kill, what was wrong is mended", func(t *testing.T) {
		f := begunOnce(t, "kill")
		freed := f.fill()
		f.begin("--protection", "kill")
		until(t, "it says what it waits for", func() bool { return strings.Contains(f.log.String(), "left its lease open") })
		freed()
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
		s := newSidecar(t, "--protection", "kill")
		s.held()
		c := container(t, "work", stubborn)
		second := &sidecar{T: t, key: s.key, env: s.env}
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
	if err := unix.Mount("tmpfs", base, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(base, unix.MNT_DETACH) })
	f := &fresh{sidecar: &sidecar{T: t, key: "fresh"}}
	f.env = append(os.Environ(), "MONGOGATE_KEY="+t.Name(), "MONGOGATE_STATE_DIR="+base)
	f.begin("--protection", protection)
	f.held()
	f.work = container(t, "work", stubborn)
	gate := f.gate()
	f.since = time.Now()
	_ = f.cmd.Process.Kill()
	<-f.end
	until(t, "the gate has died with its twin", func() bool { return !alive(gate.PID) })
	return f
}

// fill leaves no room in the state directory, until freed is called.
func (f *fresh) fill() (freed func()) {
	f.Helper()
	name := filepath.Join(filepath.Dir(f.place()), "filler")
	file, err := os.Create(name)
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	for b := make([]byte, 4096); err == nil; {
		_, err = file.Write(b)
	}
	if !errors.Is(err, unix.ENOSPC) {
		f.Fatal(err)
	}
	return func() { _ = os.Remove(name) }
}

// place is the only key's directory.
func (f *fresh) place() string {
	f.Helper()
	for _, v := range f.env {
		if base, ok := strings.CutPrefix(v, "MONGOGATE_STATE_DIR="); ok {
			all, err := filepath.Glob(filepath.Join(base, "*", "lease"))
			if err != nil || len(all) != 1 {
				f.Fatal(all, err)
			}
			return filepath.Dir(all[0])
		}
	}
	f.Fatal("no state directory")
	return ""
}

func (f *fresh) killedInTime() {
	f.Helper()
	inTime(f.T, f.since, f.work)
}

// toldInTime waits for the sentinel, which is not written while the lease lasts.
func (f *fresh) toldInTime() {
	f.Helper()
	lost := filepath.Join(f.place(), "lost")
	until(f.T, "the sentinel is there", func() bool { return is(lost) })
	if took := time.Since(f.since); took > 9300*time.Millisecond || took < 5*time.Second {
		f.Errorf("told after %v", took)
	}
	_ = f.work.Process.Kill()
}
