//go:build linux

package guard_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// ownNamespace makes the gate PID 1.
func ownNamespace(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
}

func needNamespaces(t *testing.T) {
	t.Helper()
	try := exec.Command("/bin/true")
	ownNamespace(try)
	if err := try.Run(); errors.Is(err, unix.EPERM) {
		t.Skip("not shown here: the sandbox forbids process namespaces")
	}
}

// A process that the kernel cannot end, made by a tracer that does not take
// note of its death: nobody else can reap it until the tracer has.
func TestStuckPID1(t *testing.T) {
	needNamespaces(t)
	s := shell(`trap '' TERM; echo up >"$DIR/up"; while :; do sleep 0.05; done`)
	s.MountProc = true
	s.KillAfter, s.Kill = 100*time.Millisecond, 600*time.Millisecond
	r := up(t, s, ownNamespace)
	g := r.guard()
	var command int
	for _, p := range r.left() {
		if p.PPID == g.PID {
			command = p.PID
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must.Do(t, unix.PtraceSeize(command))
	defer func() { // nobody else can end what a failed test leaves
		if t.Failed() {
			_ = r.gate.Process.Kill()
			_, _ = unix.Wait4(command, nil, unix.WALL, nil)
		}
	}()
	asked := now()
	r.order("kill")
	e := r.next("stuck")
	if after := e.At - asked; after < s.Kill-s.KillAfter {
		t.Errorf("given up after %v, want the rest of the budget, %v", after, s.Kill-s.KillAfter)
	}
	must.Get(unix.Wait4(command, nil, unix.WALL, nil))(t)
	r.exits(88) // by the hook
}

// As PID 1 the gate inherits orphans that are not of the tree; they do not keep the evidence back.
func TestForeignOrphanOfPID1(t *testing.T) {
	needNamespaces(t)
	s := shell(`echo up >"$DIR/up"; while [ ! -e "$DIR/end" ]; do sleep 0.02; done`)
	s.MountProc = true
	r := up(t, s, ownNamespace)
	enter := exec.Command("nsenter", "--target", itoa(r.gate.Process.Pid), "--pid", "--mount",
		"sh", "-c", `setsid sleep 1000 >/dev/null 2>&1 & exit 0`)
	if out, err := enter.CombinedOutput(); err != nil {
		t.Skipf("not shown here: a namespace cannot be entered: %v, %s", err, out)
	}
	must.Do(t, os.WriteFile(r.path("end"), nil, 0o600))
	r.gone(0, unasked)
	r.next("closed")
}

func TestProcOfAnotherNamespaceIsRefused(t *testing.T) {
	needNamespaces(t)
	r := start(t, shell("exit 0"), ownNamespace)
	r.exits(64)
}

// exits waits for the end of the gate itself.
func (r *rig) exits(want int) {
	r.t.Helper()
	_ = r.gate.Wait()
	if code := r.gate.ProcessState.ExitCode(); code != want {
		r.t.Errorf("exit code %d, want %d", code, want)
	}
}

// What others start in the container of which the gate is the first process, as kubectl exec does, ends with the
// command: when the gate is told to kill, when its deadline passes beside a frozen gate, and when the command ends.
func TestStrangersOfPID1(t *testing.T) {
	needNamespaces(t)
	for name, end := range map[string]func(*rig){
		"killed": func(r *rig) { r.order("kill") },
		"ends":   func(r *rig) { _ = os.WriteFile(r.path("end"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			s := shell(`echo up >"$DIR/up"; while [ ! -e "$DIR/end" ]; do sleep 0.02; done; rm "$DIR/end"`)
			s.MountProc, s.Starts = true, 2 // the gate lives on, or the kernel would end everything with it
			r := up(t, s, ownNamespace)
			enter := exec.Command("nsenter", "--target", itoa(r.gate.Process.Pid), "--pid", "--mount", "sh", "-c", `trap "" TERM; echo up >"`+r.path("in")+`"; while :; do sleep 0.02; done`)
			if err := enter.Start(); err != nil {
				t.Skipf("not shown here: a namespace cannot be entered: %v", err)
			}
			t.Cleanup(func() { _ = enter.Process.Kill() })
			ended := make(chan struct{})
			go func() { _ = enter.Wait(); close(ended) }()
			r.untilFile("in")
			end(r)
			r.next("gone")
			r.next("start")
			must.Come(t, ended, "the end of what was started beside the command: there is evidence")
			r.order("kill")
			r.next("gone")
			r.next("closed")
		})
	}
}
