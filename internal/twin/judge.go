//go:build linux

package twin

import (
	"cmp"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slack is what a healthy gate may be late, on a busy machine.
func (t *twin) slack() time.Duration { return t.plan.KillAfter / 8 }

// judge says why the gate has to be replaced, and from when the kill budget counts; "" where it has not.
func (t *twin) judge(now time.Duration) (why string, from time.Duration) {
	silent := now-t.heard > silence
	switch t.stage {
	case held:
		// Every way of a gate to go on at its deadline is by news.
		if now >= t.at+t.slack() {
			return "the deadline has passed, and the gate is dead, frozen or hangs", t.at
		}
	case stopping:
		if silent && now >= t.at+t.slack() || t.plan.Leave && now >= t.at+t.plan.Budget {
			return "the gate is dead, frozen or hangs in the middle of a loss", t.at - t.plan.KillAfter
		}
		if now >= t.at+t.slack() && t.plan.Kill {
			t.complain(t.hand.Signal(syscall.SIGKILL)) // once more, should it have stopped short
		}
	case shut:
		if !t.plan.Kill {
			break // nothing is left to be done
		}
		if t.gate == 0 { // until there is one again
			t.complain(t.hand.Signal(syscall.SIGKILL))
		} else if silent {
			return "the gate is frozen or hangs, and the lock is not held", now - t.plan.Budget
		}
	}
	return "", 0
}

// takeOver does what the protection says, in the place of a gate that cannot.
func (t *twin) takeOver(why string, from time.Duration) int {
	t.say(why + ": it is ended, and its twin does what the protection says")
	if t.gate != 0 { // first: nobody is to open it again
		_ = unix.Kill(t.gate, unix.SIGKILL)
	}
	t.carryOut(why, from)
	for end := t.clock.Now() + time.Second; t.gate != 0 && t.clock.Now() < end; {
		t.pause(5 * time.Millisecond)
	}
	return cmp.Or(t.plan.Code, ExitLost)
}

// gateEnded decides what the end of the gate is to mean. One that has ended by itself has seen to the workload; but not one that could not even
// begin (a full disk, settings that are wrong by now) while what ran under the gate before it may still run.
func (t *twin) gateEnded(now time.Duration) (code int, over bool) {
	status := t.ended.Status
	crashed := status.Signaled() || status.Exited() && status.ExitStatus() == 2 // of Go's runtime
	t.ended, t.code = nil, status.ExitStatus()
	if status.Signaled() {
		t.code = 128 + int(status.Signal())
	}
	if t.plan == nil || t.plan.Leave || !crashed && (t.code == ExitLost || !t.mayRun()) {
		return t.code, true
	}
	if t.asked && !crashed && t.stage == stopping && !t.plan.Kill { // the sentinel was all there was to do
		return t.code, true
	}
	if t.asked { // nothing opens any more: what runs has until its deadline
		t.say(fmt.Sprintf("the gate has ended (%d) while its workload runs: its twin stops the workload at the deadline", t.code))
		return 0, false
	}
	if now-t.began >= calm {
		t.wait = 0
	}
	t.again = now + t.wait
	t.wait = min(max(2*t.wait, beat), 10*beat)
	t.say(fmt.Sprintf("the gate has crashed (%d): its twin restarts it, and stops the workload at the deadline if that fails", t.code))
	return 0, false
}

// mayRun is true while there is a deadline that somebody has to keep.
func (t *twin) mayRun() bool { return t.stage == held || t.stage == stopping }

// nothingRuns is true where the end of the container leaves nothing behind that has a deadline.
func (t *twin) nothingRuns() bool { return !t.mayRun() || t.plan.Kill && t.hand.None() == nil }

// keepAwake has the kernel wake a twin that was stopped, and end one that does not act.
func (t *twin) keepAwake() {
	if t.last == nil || t.armed == t.at && t.armedFor == t.stage {
		return
	}
	t.armed, t.armedFor = t.at, t.stage
	from := t.at + t.slack() // not sooner than the gate would be late: it is woken by its own
	switch t.stage {
	case held:
		_ = t.last.Set(from, t.at+t.plan.KillAfter+(t.plan.Budget-t.plan.KillAfter)/4)
	case stopping:
		_ = t.last.Wake(from, t.at+t.plan.Budget)
	case shut:
		_ = t.last.Disarm()
	}
}
