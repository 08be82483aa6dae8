//go:build linux

package guard

import "time"

// starved is how long, after a loss, a busy machine may not let a guard run
// before its own timer takes it for one that is frozen.
const starved = 5 * time.Second

// rearm is how often the timers are moved on after a loss: not at each pass of a loop that kills.
const rearm = 200 * time.Millisecond

// awake is what the guard's timers were set for.
type awake struct {
	lost, alone bool
	deadline    time.Duration
}

// keepAwake sets the guard's kernel timers, so that one that was stopped goes
// on at the deadline and does its work, and one that cannot is killed: the
// command's main process has that death as its own (PDEATHSIG), and the gate
// kills the rest of the tree.
//
// Once the gate has died a guard is not killed: nobody would be left to end
// what the command has forked. The gate's own timers only wake it, for the same
// reason; and after a suspend both instants are due at once.
func (w *watch) keepAwake(now time.Duration) error {
	kill := time.Duration(w.spec.Kill)
	last := w.stop.killAfter + (kill-w.stop.killAfter)/4 // after the deadline; the rest is for the kernel and the gate
	state := awake{w.stop.lost, w.gateGone, w.stop.deadline}
	if state == w.awake && (!w.stop.lost || now < w.rearmed+rearm) {
		return nil
	}
	w.awake, w.rearmed = state, now
	switch {
	case w.gateGone:
		return w.last.Wake(now+longestSleep, now+longestSleep+kill)
	case w.stop.lost:
		return w.last.Set(now+longestSleep, max(w.stop.deadline+last, now+longestSleep+max(kill, starved)))
	case w.stop.deadline > 0:
		return w.last.Set(w.stop.deadline, w.stop.deadline+last)
	}
	return nil
}

// keepAwake sets the gate's kernel timers. They only wake it: a frozen gate
// that goes on at the deadline does what is due, and one that its own timer
// killed after a suspend could not end what its guard has left.
func (w *Workload) keepAwake(deadline time.Duration) {
	if err := w.last.Wake(deadline, deadline+2*w.command.Budget.Kill); err != nil {
		w.command.Log.Error(err, "cannot set the kernel timers: a frozen gate will not wake by itself")
	}
}
