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

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
)

// status is a line of /proc/PID/status.
func status(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	return field(t, string(b), name)
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
	set, err := strconv.ParseUint(field(t, status, name), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return set &^ (3 << 31)
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
	r := start(t, shell(polite))
	r.next("start")
	r.untilFile("up")
	g := r.guard()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if sig != unix.SIGKILL && sig != unix.SIGSTOP && (sig < 32 || sig > 34) {
			r.signal(g, sig)
		}
	}
	r.order("forward " + itoa(int(unix.SIGWINCH))) // is confirmed by a guard that lives
	r.order("forward " + itoa(int(unix.SIGTERM)))
	if e := r.next("gone"); e.Code != 0 || e.Unasked {
		t.Errorf("gone: %+v, want the end that was asked for", e)
	}
}

func TestGuardHasASessionOfItsOwn(t *testing.T) {
	r := start(t, shell(`echo $$ >"$DIR/pid"; while :; do sleep 0.05; done`))
	r.next("start")
	main, err := strconv.Atoi(r.untilFile("pid"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, patience, "a session of the guard", func() bool { g := r.guard(); return g.Session == g.PID })
	command, err := proctree.Look(main)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := proctree.Look(r.gate.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
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
	r := start(t, s)
	r.next("start")
	r.untilFile("up")
	for _, step := range []struct {
		sig  syscall.Signal
		want string
	}{{unix.SIGUSR1, "usr1\n"}, {40, "usr1\nrt\n"}, {unix.SIGTERM, "usr1\nrt\nterm\n"}} {
		r.signalGate(step.sig)
		if e := r.next("signal"); e.Code != int(step.sig) {
			t.Fatalf("the gate got %d, want %d", e.Code, step.sig)
		}
		until(t, patience, "the command gets "+step.sig.String(), func() bool { return r.read("got") == step.want })
	}
	if e := r.next("gone"); e.Code != 7 || e.Unasked {
		t.Errorf("gone: %+v, want code 7, asked for", e)
	}
}

func TestForwardOfOtherSignalsLeavesTheEndUnasked(t *testing.T) {
	r := start(t, shell(`trap 'exit 0' USR1; echo up >"$DIR/up"; while :; do sleep 0.02; done`))
	r.next("start")
	r.untilFile("up")
	r.order("forward " + itoa(int(unix.SIGUSR1)))
	if e := r.next("gone"); e.Code != 0 || !e.Unasked {
		t.Errorf("gone: %+v, want success, unasked", e)
	}
}

func TestSignals(t *testing.T) {
	all, err := guard.Signals()
	if err != nil {
		t.Fatal(err)
	}
	for sig, want := range map[syscall.Signal]bool{
		unix.SIGTERM: true, unix.SIGHUP: true, unix.SIGQUIT: true, unix.SIGWINCH: true, unix.SIGCONT: true, unix.SIGTSTP: true, 35: true, 64: true,
		unix.SIGURG: false, unix.SIGCHLD: false, unix.SIGPIPE: false, unix.SIGKILL: false, unix.SIGSTOP: false, unix.SIGTTOU: false, 33: false,
	} {
		if got := slices.Contains(all, os.Signal(sig)); got != want {
			t.Errorf("signal %d forwarded: %v, want %v", int(sig), got, want)
		}
	}
}
