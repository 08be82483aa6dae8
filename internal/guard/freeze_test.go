//go:build linux

package guard_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

func TestGateFrozenTreeGoneInTime(t *testing.T) {
	t.Parallel()
	s := shell(stubborn)
	s.Lease = 2500 * time.Millisecond
	r := up(t, s)
	deadline := r.begun.Until
	r.signalGate(syscall.SIGSTOP)
	var alive time.Duration
	must.Happen(t, "the tree is gone", func() bool {
		at := now()
		if len(r.left()) > 0 {
			alive = at
			return false
		}
		return true
	})
	if early := deadline - alive; early > 300*time.Millisecond {
		t.Errorf("the tree was stopped %v before the deadline", early)
	}
	if late := now() - deadline - 300*time.Millisecond; late > slack {
		t.Errorf("the tree was gone %v after SIGKILL was due", late)
	}
	r.signalGate(syscall.SIGCONT)
	for {
		e := r.next("broken", "gone")
		if e.Kind == "gone" {
			if e.Unasked {
				t.Errorf("gone: %+v, want asked for", e)
			}
			return
		}
	}
}

// The guard wakes after the deadline that it knows, and finds a later one in the pipe.
func TestGuardReadsBeforeItJudges(t *testing.T) {
	t.Parallel()
	s := shell(polite)
	s.Lease, s.Renew = 1500*time.Millisecond, 50*time.Millisecond
	r := up(t, s)
	g := r.guard()
	r.signal(g, syscall.SIGSTOP)
	frozen := now()
	must.Happen(t, "the deadline that the guard knows", func() bool { return now() > frozen+s.Lease })
	r.signal(g, syscall.SIGCONT)
	r.order("forward " + itoa(int(unix.SIGTERM)))
	r.untilFile("asked") // by us, and not before
	r.gone(0, asked)
	if out := r.read("stdout"); strings.Contains(out, "deadline") {
		t.Errorf("the guard has said %q", out)
	}
}

// Gate and guard are frozen past the kill time: no more time for politeness.
func TestGuardThatWakesLateKillsAtOnce(t *testing.T) {
	t.Parallel()
	s := shell(polite)
	s.Lease, s.Kill = 1500*time.Millisecond, 20*time.Second // long until the guard's own timer kills it
	r := up(t, s)
	deadline := r.begun.Until
	g := r.guard()
	must.Happen(t, "the kill time", func() bool {
		r.signalGate(syscall.SIGSTOP) // again, for their timers wake them
		r.signal(g, syscall.SIGSTOP)
		return now() > deadline+300*time.Millisecond
	})
	r.signal(g, syscall.SIGCONT)
	r.untilGone(slack)
	if r.read("asked") != "" {
		t.Error("the command was asked to end when it should have been killed")
	}
}

func TestFrozenGuardDoesNotBlockTheGate(t *testing.T) {
	r := up(t, shell(polite))
	r.signal(r.guard(), syscall.SIGSTOP)
	r.order("burst")
	r.next("burst")
	r.order("kill")
	r.next("gone")
}

func TestGuardFrozenIsFoundOutAndTreeGone(t *testing.T) {
	t.Parallel()
	s := shell(stubborn)
	s.Confirm, s.Renew, s.React = 500*time.Millisecond, 150*time.Millisecond, true
	r := up(t, s)
	frozen := now()
	r.signal(r.guard(), syscall.SIGSTOP)
	e := r.next("broken")
	if after := e.At - frozen; after < s.Confirm/2 || after > s.Confirm+s.Renew+slack {
		t.Errorf("found out after %v, want about %v", after, s.Confirm)
	}
	r.gone(128+9, asked)
	r.nothingLeft()
}

// The guard does not listen, so SIGTERM comes from the gate itself.
func TestGuardFrozenTreeIsAskedFirst(t *testing.T) {
	s := shell(polite)
	s.Confirm, s.Renew, s.React = 400*time.Millisecond, 100*time.Millisecond, true
	s.Kill, s.KillAfter = 20*time.Second, 5*time.Second
	r := up(t, s)
	r.signal(r.guard(), syscall.SIGSTOP)
	r.next("broken")
	r.untilFile("asked")
}

// Kill does not wait until the silence is noticed.
func TestKillWithFrozenGuard(t *testing.T) {
	r := up(t, shell(stubborn))
	r.signal(r.guard(), syscall.SIGSTOP)
	r.order("kill")
	r.untilGone(slack)
	r.next("gone")
}

func stop(t *testing.T, pid int) {
	t.Helper()
	must.Do(t, unix.Kill(pid, unix.SIGSTOP))
	isStopped(t, pid)
}

func isStopped(t *testing.T, pid int) {
	t.Helper()
	must.Happen(t, "it is stopped", func() bool { p, err := proctree.Look(pid); return err == nil && p.State == 'T' })
}

// A command that is stopped is continued when it is to end, by whichever signal, and so is what it has started.
func TestStoppedCommandIsContinuedToEnd(t *testing.T) {
	for name, script := range map[string]string{
		"the command": `trap 'echo asked >"$DIR/asked"; exit 0' TERM; echo $$ >"$DIR/up"; while :; do sleep 0.02; done`,
		"its child":   `trap 'echo asked >"$DIR/asked"' TERM; sh -c 'echo $$ >"$DIR/up"; sleep 0.3; exit 0' & wait $!; wait $!; exit 0`,
	} {
		t.Run(name, func(t *testing.T) {
			r := up(t, shell(script))
			stop(t, r.pid("up"))
			r.order("forward " + itoa(int(unix.SIGTERM)))
			r.untilFile("asked")
			r.gone(0, asked)
		})
	}
}

// A job in the background that looks at its terminal before the guard has left the session
// is stopped by the kernel. Nobody would continue it: it gets an error instead.
func TestBackgroundLookAtTheTerminal(t *testing.T) {
	for range 20 {
		r := start(t, shell(`kill -TTIN $$; echo on >"$DIR/on"`))
		r.next("start")
		r.untilFile("on")
		r.next("gone")
		r.end()
	}
}

// What stops it for good is not undone.
func TestStoppedCommandStaysStopped(t *testing.T) {
	r := up(t, shell(`echo $$ >"$DIR/up"; while :; do sleep 0.02; done`))
	pid := r.pid("up")
	stop(t, pid)
	for range 20 {
		r.order("forward " + itoa(int(unix.SIGUSR1)))
	}
	time.Sleep(200 * time.Millisecond) // what must not happen would have happened
	isStopped(t, pid)
	r.signalGate(syscall.SIGKILL)
	r.untilGone(slack)
}
