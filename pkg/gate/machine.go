package gate

import (
	"errors"
	"time"
)

// State is where the machine is.
type State int

// Why a gate shuts by itself. Of a loss that the lease or the workload reports the reason is their error.
var (
	ErrDeadline = errors.New("the deadline has passed without an acknowledged renewal")
	ErrEnded    = errors.New("the workload has ended")
)

// The states. From Lost it goes back to Waiting, or to Released.
const (
	// Waiting for the lock; no workload runs.
	Waiting State = iota
	// Held: the workload runs.
	Held
	// Lost: the workload is being stopped, or is gone and the lease is being given back.
	Lost
	// Released: the end. The lease is being given back, or has been.
	Released
)

func (s State) String() string {
	return [...]string{"waiting", "held", "lost", "released"}[s]
}

// eventKind tells events apart.
type eventKind int

// The events.
const (
	// onTick: time has passed.
	onTick eventKind = iota
	// onAcquired: a lease was obtained; Deadline is its.
	onAcquired
	// onRefused: waiting has ended without a lease, and not to be repeated.
	onRefused
	// onRenewed: the lease has a later Deadline.
	onRenewed
	// onLeaseLost: the lease is definitely lost; Reason says why.
	onLeaseLost
	// onBroken: what protects the workload has failed; Reason says how.
	onBroken
	// onWarned: the sentinel has been written.
	onWarned
	// onStop: somebody has asked the gate to end. What runs is stopped by whoever asked, not by the gate.
	onStop
	// onGone: there is evidence that no process of the workload is left; Ended says how it ended.
	onGone
	// onFinished: the store has answered the end of the lease, or will not.
	onFinished
)

func (k eventKind) String() string {
	return [...]string{"tick", "acquired", "refused", "renewed", "lease lost", "broken", "warned", "stop", "gone", "finished"}[k]
}

// event is something that happened.
type event struct {
	Kind     eventKind
	Deadline time.Duration
	Reason   error
	Ended    Ended
}

// ActionKind tells actions apart.
type ActionKind int

// The actions, to be carried out in the order in which they are returned.
const (
	// Open: show readiness and start the workload.
	Open ActionKind = iota
	// Extend: tell the workload's watchers of the new deadline.
	Extend
	// Shut: readiness is false from here on; Reason says why.
	Shut
	// Warn: write the sentinel.
	Warn
	// Terminate: SIGTERM to all of the workload.
	Terminate
	// Kill: SIGKILL to all of the workload, until nothing is left.
	Kill
	// Finish: end the lease in the store with Outcome, then send onFinished.
	Finish
	// Wait: acquire the lock, again.
	Wait
	// Exit: the end.
	Exit
)

func (k ActionKind) String() string {
	return [...]string{"open", "extend", "shut", "warn", "terminate", "kill", "finish", "wait", "exit"}[k]
}

// Action is something to be done.
type action struct {
	Kind    ActionKind
	Outcome Outcome
	Reason  error
}

// Machine is the gate's state machine. It is not safe for concurrent use.
type machine struct {
	budget    Budget
	reacquire bool

	state    State
	deadline time.Duration
	stopping bool // asked to end
	running  bool // a workload was started and there is no evidence yet that it is gone
	again    bool // wait again once the lease that came too late has been given back

	// While Lost and running: the next step of stopping it, and when.
	step   ActionKind
	stepAt time.Duration
	killAt time.Duration
}

// newMachine makes a machine that waits. With reacquire it waits again after a loss; otherwise it ends.
func newMachine(budget Budget, reacquire bool) *machine {
	return &machine{budget: budget, reacquire: reacquire, step: Exit}
}

// State is where the machine is.
func (m *machine) State() State { return m.state }

// Deadline is the lease's, while Held.
func (m *machine) Deadline() time.Duration { return m.deadline }

// IsOpen is true while the workload may run.
func (m *machine) IsOpen(now time.Duration) bool { return m.state == Held && now < m.deadline }

// Wake is when the next onTick is due, if one is.
func (m *machine) Wake() (at time.Duration, ok bool) {
	switch {
	case m.state == Held:
		return m.deadline, true
	case m.state == Lost && m.running && m.step != Exit:
		return m.stepAt, true
	}
	return 0, false
}

// Step takes an event at an instant and says what is to be done. The clock is
// looked at first, whatever the event is.
func (m *machine) Step(now time.Duration, e event) []action {
	var do []action
	if m.state == Held && now >= m.deadline {
		do = m.lose(now, ErrDeadline)
	}
	if m.state == Lost && m.running {
		do = append(do, m.stop(now)...)
	}
	return append(do, m.take(now, e)...)
}

func (m *machine) take(now time.Duration, e event) []action {
	switch e.Kind {
	case onTick:
	case onAcquired:
		return m.acquired(now, e)
	case onRefused:
		if m.state == Waiting && !m.again {
			m.state = Released
			return []action{{Kind: Exit}}
		}
	case onRenewed:
		if m.state == Held && e.Deadline > m.deadline {
			m.deadline = e.Deadline
			return []action{{Kind: Extend}}
		}
	case onLeaseLost, onBroken:
		if m.state == Held {
			return append(m.lose(now, e.Reason), m.stop(now)...)
		}
	case onWarned:
		if m.state == Lost && m.running && m.step == Terminate {
			m.stepAt = now
			return m.stop(now)
		}
	case onStop:
		// What waits is told by whoever asked, and answers onRefused, or onAcquired after all.
		m.stopping = true
	case onGone:
		return m.gone(e)
	case onFinished:
		return m.finished()
	}
	return nil
}

func (m *machine) acquired(now time.Duration, e event) []action {
	switch {
	case m.state != Waiting || m.again:
		return nil
	case m.stopping:
		m.state = Released
		return []action{{Kind: Finish, Outcome: Unbegun}}
	case now >= e.Deadline:
		// It came too late to be used. Nothing was started under it.
		m.again = true
		return []action{{Kind: Finish, Outcome: Unbegun}}
	}
	m.state, m.deadline, m.running = Held, e.Deadline, true
	return []action{{Kind: Open}}
}

// lose shuts the gate. The instants that follow are counted from the loss, or
// from the deadline where that is past.
func (m *machine) lose(now time.Duration, reason error) []action {
	from := min(now, m.deadline)
	m.state = Lost
	// The sentinel has a quarter of the time to SIGKILL to be written; SIGTERM does not wait for it longer.
	m.step, m.stepAt, m.killAt = Terminate, from+m.budget.KillAfter/4, from+m.budget.KillAfter
	return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}}
}

// stop does what is due of SIGTERM and SIGKILL.
func (m *machine) stop(now time.Duration) []action {
	switch {
	case m.step == Exit:
		return nil
	case now >= m.killAt:
		m.step = Exit // nothing after SIGKILL: whoever kills goes on until nothing is left
		return []action{{Kind: Kill}}
	case m.step == Terminate && now >= m.stepAt:
		m.step, m.stepAt = Kill, m.killAt
		return []action{{Kind: Terminate}}
	}
	return nil
}

func (m *machine) gone(e event) []action {
	if !m.running {
		return nil
	}
	m.running, m.step = false, Exit
	if m.state == Lost {
		return []action{{Kind: Finish, Outcome: Failed}}
	}
	m.state = Released
	outcome := Failed
	if e.Ended.Err == nil && e.Ended.Code == 0 && e.Ended.Unasked {
		outcome = Succeeded
	}
	return []action{{Kind: Shut, Reason: ErrEnded}, {Kind: Finish, Outcome: outcome}}
}

func (m *machine) finished() []action {
	switch {
	case m.running || m.state == Waiting && !m.again:
		return nil
	case !m.stopping && (m.again || m.state == Lost && m.reacquire):
		m.state, m.again = Waiting, false
		return []action{{Kind: Wait}}
	}
	m.state = Released
	return []action{{Kind: Exit}}
}
