//go:build linux

package guard_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestGateFrozenTreeGoneInTime(t *testing.T) {
	t.Parallel()
	s := shell(stubborn)
	s.Lease = 2500 * time.Millisecond
	r := start(t, s)
	deadline := r.next("start").Until
	r.untilFile("up")
	r.signalGate(syscall.SIGSTOP)
	var alive time.Duration
	until(t, patience, "the tree is gone", func() bool {
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
	r := start(t, s)
	r.next("start")
	r.untilFile("up")
	g := r.guard()
	r.signal(g, syscall.SIGSTOP)
	frozen := now()
	until(t, patience, "the deadline that the guard knows", func() bool { return now() > frozen+s.Lease })
	r.signal(g, syscall.SIGCONT)
	r.order("forward " + itoa(int(unix.SIGTERM)))
	r.untilFile("asked") // by us, and not before
	if e := r.next("gone"); e.Code != 0 {
		t.Errorf("gone: %+v", e)
	}
	if out := r.read("stdout"); strings.Contains(out, "deadline") {
		t.Errorf("the guard has said %q", out)
	}
}

// Gate and guard are frozen past the kill time: no more time for politeness.
func TestGuardThatWakesLateKillsAtOnce(t *testing.T) {
	t.Parallel()
	s := shell(polite)
	s.Lease, s.Kill = 1500*time.Millisecond, 20*time.Second // long until the guard's own timer kills it
	r := start(t, s)
	deadline := r.next("start").Until
	r.untilFile("up")
	g := r.guard()
	until(t, patience, "the kill time", func() bool {
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
	r := start(t, shell(polite))
	r.next("start")
	r.untilFile("up")
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
	r := start(t, s)
	r.next("start")
	r.untilFile("up")
	frozen := now()
	r.signal(r.guard(), syscall.SIGSTOP)
	e := r.next("broken")
	if after := e.At - frozen; after < s.Confirm/2 || after > s.Confirm+s.Renew+slack {
		t.Errorf("found out after %v, want about %v", after, s.Confirm)
	}
	e = r.next("gone")
	if e.Unasked || e.Code != 128+9 {
		t.Errorf("gone: %+v", e)
	}
	if left := r.left(); len(left) > 0 {
		t.Errorf("left after the evidence: %v", left)
	}
}

// The guard does not listen, so SIGTERM comes from the gate itself.
func TestGuardFrozenTreeIsAskedFirst(t *testing.T) {
	s := shell(polite)
	s.Confirm, s.Renew, s.React = 400*time.Millisecond, 100*time.Millisecond, true
	s.Kill, s.KillAfter = 20*time.Second, 5*time.Second
	r := start(t, s)
	r.next("start")
	r.untilFile("up")
	r.signal(r.guard(), syscall.SIGSTOP)
	r.next("broken")
	r.untilFile("asked")
}

// Kill does not wait until the silence is noticed.
func TestKillWithFrozenGuard(t *testing.T) {
	r := start(t, shell(stubborn))
	r.next("start")
	r.untilFile("up")
	r.signal(r.guard(), syscall.SIGSTOP)
	r.order("kill")
	r.untilGone(slack)
	r.next("gone")
}
