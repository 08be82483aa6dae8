//go:build linux

package guard_test

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// status is a line of /proc/PID/status.
func status(t *testing.T, pid int, name string) string {
	t.Helper()
	return field(t, string(must.Get(os.ReadFile("/proc/"+itoa(pid)+"/status"))(t)), name)
}

func field(t *testing.T, status, name string) string {
	t.Helper()
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in\n%s", name, status)
	return ""
}

// signalSet is a set of signals without 32 and 33, which the C library keeps
// to itself: whoever is started by its posix_spawn, as by make, inherits them ignored.
func signalSet(t *testing.T, status, name string) uint64 {
	t.Helper()
	return must.Get(strconv.ParseUint(field(t, status, name), 16, 64))(t) &^ (3 << 31)
}

func TestCommandHasDefaultSignals(t *testing.T) {
	s := gateSpec{Path: "cat", Args: []string{"/proc/self/status"}, Forward: true}
	r := start(t, s)
	r.next("start")
	r.next("gone")
	for _, set := range []string{"SigIgn", "SigCgt", "SigBlk"} {
		if got := signalSet(t, r.read("stdout"), set); got != 0 {
			t.Errorf("%s of the command is %016x, want none", set, got)
		}
	}
}

func TestIgnoredAtStartStaysIgnored(t *testing.T) {
	s := gateSpec{Path: "cat", Args: []string{"/proc/self/status"}, Forward: true}
	r := start(t, s, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `trap '' HUP TSTP; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	})
	r.next("start")
	r.next("gone")
	const want = 0x80001 // SIGTSTP is 20, SIGHUP 1
	if got := signalSet(t, r.read("stdout"), "SigIgn"); got != want {
		t.Errorf("SigIgn of the command is %016x, want %016x", got, want)
	}
}

func TestGuardDropsSignals(t *testing.T) {
	r := up(t, shell(polite))
	g := r.guard()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if sig != unix.SIGKILL && sig != unix.SIGSTOP && (sig < 32 || sig > 34) {
			r.signal(g, sig)
		}
	}
	r.order("forward " + itoa(int(unix.SIGWINCH))) // is confirmed by a guard that lives
	r.order("forward " + itoa(int(unix.SIGTERM)))
	r.gone(0, asked)
}

func TestGuardHasASessionOfItsOwn(t *testing.T) {
	r := start(t, shell(`echo $$ >"$DIR/pid"; while :; do sleep 0.05; done`))
	r.next("start")
	main := r.pid("pid")
	must.Happen(t, "a session of the guard", func() bool { g := r.guard(); return g.Session == g.PID })
	command := must.Get(proctree.Look(main))(t)
	gate := must.Get(proctree.Look(r.gate.Process.Pid))(t)
	if command.Group != main || command.Session != gate.Session {
		t.Errorf("command %+v: want a group of its own in the gate's session %d", command, gate.Session)
	}
}

func TestForward(t *testing.T) {
	s := shell(`
trap 'echo usr1 >>"$DIR/got"' USR1
trap 'echo rt >>"$DIR/got"' 40
trap 'echo term >>"$DIR/got"; exit 7' TERM
echo up >"$DIR/up"
while :; do sleep 0.02; done`)
	s.Forward = true
	r := up(t, s)
	for _, step := range []struct {
		sig  syscall.Signal
		want string
	}{{unix.SIGUSR1, "usr1\n"}, {40, "usr1\nrt\n"}, {unix.SIGTERM, "usr1\nrt\nterm\n"}} {
		r.signalGate(step.sig)
		if e := r.next("signal"); e.Code != int(step.sig) {
			t.Fatalf("the gate got %d, want %d", e.Code, step.sig)
		}
		must.Happen(t, "the command gets "+step.sig.String(), func() bool { return r.read("got") == step.want })
	}
	r.gone(7, asked)
}

func TestForwardOfOtherSignalsLeavesTheEndUnasked(t *testing.T) {
	r := up(t, shell(`trap 'exit 0' USR1; echo up >"$DIR/up"; while :; do sleep 0.02; done`))
	r.order("forward " + itoa(int(unix.SIGUSR1)))
	r.gone(0, unasked)
}

func TestSignals(t *testing.T) {
	all := must.Get(guard.Signals())(t)
	for sig, want := range map[syscall.Signal]bool{
		unix.SIGTERM: true, unix.SIGHUP: true, unix.SIGQUIT: true, unix.SIGWINCH: true, unix.SIGCONT: true, unix.SIGTSTP: true, 35: true, 64: true,
		unix.SIGURG: false, unix.SIGCHLD: false, unix.SIGPIPE: false, unix.SIGKILL: false, unix.SIGSTOP: false, unix.SIGTTOU: false, 33: false,
	} {
		if got := slices.Contains(all, os.Signal(sig)); got != want {
			t.Errorf("signal %d forwarded: %v, want %v", int(sig), got, want)
		}
	}
}

// A request to stop that comes between the lock and the start is not lost: nothing is started.
func TestForwardBeforeStart(t *testing.T) {
	w := must.Get(guard.New(guard.Command{
		Path: "/bin/sleep", Args: []string{"60"}, Clock: gate.BootClock(), Log: logr.Discard(),
		Budget: gate.Budget{Kill: time.Second, KillAfter: time.Second / 2}, Confirm: time.Second,
	}))(t)
	defer w.Close()
	w.Forward(syscall.SIGWINCH) // asks nobody to stop
	w.Forward(syscall.SIGTERM)
	w.Start(gate.Grant{Key: "k", Token: 1, Deadline: gate.BootClock().Now() + time.Minute})
	if ended := must.Come(t, w.Gone(), "the end of a command that was not started"); ended.Code != 128+int(syscall.SIGTERM) || ended.Unasked || ended.Err != nil {
		t.Errorf("ended as %+v, want 143, asked", ended)
	}
}
