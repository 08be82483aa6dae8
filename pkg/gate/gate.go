package gate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/observer"
)

// Config is what a [Gate] works with.
type Config struct {
	Clock    Clock
	Budget   Budget
	Lock     Lock
	Workload Workload
	// Reacquire waits for the lock again after a loss, once the workload is gone; otherwise the gate ends.
	Reacquire bool
	// Rest is how long the gate waits after a loss before it tries again, so that
	// others have a turn; it grows while losses follow each other. Zero: not at all.
	Rest time.Duration
	// FinishWithin is how long the store is asked to end a lease.
	FinishWithin time.Duration
	// Observe is told of every change, in order, from a goroutine of its own. Nothing waits for it but the end of
	// [Gate.Run], for [observer.FlushWithin] at most. What the gate's promises rest on belongs to the Workload, the Lock or its leases.
	Observe func(Change)
}

// Change is something an observer may want to show.
type Change struct {
	State  State
	Action ActionKind
	// Grant is the lease's, where there is one.
	Grant Grant
	// Reason is why the gate shut, of Shut and Warn.
	Reason error
	// Rest, of Wait, is how long the gate rests after a loss before it tries to get the lock.
	Rest time.Duration
	// At is when it was done, by the gate's clock.
	At time.Duration
	// Missing is how many changes before this one were not told: the observer had not taken those before them.
	Missing int
}

// Result is how a gate ended.
type Result struct {
	// Started is true where a workload was started at least once.
	Started bool
	// Ended is how the last workload ended.
	Ended Ended
	// Lost says why the last lease was lost, nil where it was not.
	Lost error
	// Acquire is why waiting ended without the lock, where it did: after a loss too, if the gate waited again.
	Acquire error
	// Finish is why the store did not acknowledge the end of the last lease.
	Finish error
}

// Gate drives a state machine.
type Gate struct {
	cfg Config

	mu      sync.Mutex
	machine *machine
	lease   Lease

	result Result
	rest   rest
	waited bool // for the lock, once at least
	events chan message
	told   *observer.Queue[Change]
	// tasks are the goroutines of the gate: waiting, listening to a lease, finishing.
	tasks sync.WaitGroup
}

// New makes a gate. Call Run.
func New(cfg Config) (*Gate, error) {
	if err := cfg.Budget.Validate(); err != nil {
		return nil, err
	}
	if cfg.Rest < 0 {
		return nil, fmt.Errorf("rest %v: must not be negative", cfg.Rest)
	}
	if cfg.FinishWithin <= 0 {
		return nil, fmt.Errorf("finish within %v: must be positive", cfg.FinishWithin)
	}
	told := observer.New[Change](nil)
	if cfg.Observe != nil {
		told = observer.New(func(c Change, missing int) {
			c.Missing = missing
			cfg.Observe(c)
		})
	}
	return &Gate{cfg: cfg, told: told, machine: newMachine(cfg.Budget, cfg.Reacquire), rest: rest{first: cfg.Rest}, events: make(chan message)}, nil
}

// Open is true while the workload may run, computed at the moment of asking.
func (g *Gate) Open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.machine.IsOpen(g.cfg.Clock.Now())
}

// Alive is false where the gate should have shut long ago and has not: its
// loop hangs. It says nothing of the lock or the store, so that an outage of those restarts nobody.
func (g *Gate) Alive() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.machine.State() != Held || g.cfg.Clock.Now() < g.machine.Deadline()+g.cfg.Budget.Kill
}

// State is where the gate is, and under which grant.
func (g *Gate) State() (State, Grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.machine.State(), g.grant()
}

func (g *Gate) grant() Grant {
	if g.lease == nil {
		return Grant{}
	}
	return Grant{Key: g.lease.Key(), Token: g.lease.Token(), Deadline: g.machine.Deadline()}
}

// Run waits for the lock, lets the workload run while it is held, and returns
// when everything has ended: the workload is gone or was never started, the lease is given
// back or the store did not answer in time. When ctx ends, a gate that waits ends at once; one whose workload runs
// goes on until the workload has ended, and does not wait for the lock again.
func (g *Gate) Run(ctx context.Context) Result {
	stop := ctx.Done()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer g.told.Flush(observer.FlushWithin)
	defer g.tasks.Wait()
	defer cancel()

	acquire := func(pause time.Duration) { g.acquire(ctx, work, pause) }
	g.do(work, acquire, []action{{Kind: Wait}})
	for {
		g.mu.Lock()
		wake, due := g.machine.Wake()
		g.mu.Unlock()
		var timer <-chan time.Time
		if due {
			// Go's timers stand still while the machine is suspended: look at the clock at least once a second.
			timer = time.After(min(max(wake-g.cfg.Clock.Now(), 0), time.Second))
		}
		var events []event
		var e event
		select {
		case m := <-g.events:
			if e = m.event; g.stale(m) {
				continue
			}
			g.note(work, m)
		case err := <-g.cfg.Workload.Broken():
			e = event{Kind: onBroken, Reason: err}
		case ended := <-g.cfg.Workload.Gone():
			// A workload that ended because its guard died was lost, whichever is heard first.
			select {
			case err := <-g.cfg.Workload.Broken():
				events = append(events, event{Kind: onBroken, Reason: err})
			default:
			}
			e = event{Kind: onGone, Ended: ended}
			g.result.Ended = ended
		case <-stop:
		case <-timer:
		}
		if stop != nil && ctx.Err() != nil {
			// Whoever asked comes first: a lease that arrives in the same moment starts nothing.
			stop, events = nil, append(events, event{Kind: onStop})
		}
		for _, e := range append(events, e) {
			g.mu.Lock()
			actions := g.machine.Step(g.cfg.Clock.Now(), e)
			g.mu.Unlock()
			if g.do(work, acquire, actions) {
				return g.result
			}
		}
	}
}

// do carries out actions in their order, and says whether the gate has ended.
func (g *Gate) do(ctx context.Context, acquire func(rest time.Duration), actions []action) (end bool) {
	w := g.cfg.Workload
	for _, a := range actions {
		state, grant := g.State()
		rest := time.Duration(0)
		if a.Kind == Open {
			g.result.Started, g.result.Lost, g.result.Acquire = true, nil, nil
			g.rest.open(g.cfg.Clock.Now())
		}
		if a.Kind == Shut && state == Lost {
			g.result.Lost = a.Reason
		}
		switch a.Kind {
		case Open:
			w.Start(grant)
		case Extend:
			w.Extend(grant.Deadline)
		case Shut:
		case Warn:
			g.warned(ctx, w.Warn(a.Reason.Error()))
		case Terminate:
			w.Terminate()
		case Kill:
			w.Kill()
		case Finish:
			g.finish(ctx, a.Outcome)
		case Wait:
			pause := time.Duration(0)
			if g.waited {
				pause = g.rest.after(g.cfg.Clock.Now())
			}
			g.waited, rest = true, pause
			g.tasks.Go(func() { acquire(pause) })
		case Exit:
			end = true
		}
		// Readiness is the machine's state and needs no telling. Observers hear of what has been done.
		g.told.Tell(Change{State: state, Action: a.Kind, Grant: grant, Reason: a.Reason, Rest: rest, At: g.cfg.Clock.Now()})
	}
	return end
}

// message is an event with what came with it.
type message struct {
	event
	lease Lease
	err   error
}

// stale tells events of a lease that has been replaced.
func (g *Gate) stale(m message) bool {
	return (m.Kind == onRenewed || m.Kind == onLeaseLost || m.Kind == onWarned) && m.lease != g.lease
}

// note keeps what came with an event.
func (g *Gate) note(ctx context.Context, m message) {
	switch m.Kind {
	case onAcquired:
		g.mu.Lock()
		g.lease = m.lease
		g.mu.Unlock()
		g.tasks.Go(func() { g.listen(ctx, m.lease) })
	case onRefused:
		g.result.Acquire = m.err
	case onFinished:
		g.result.Finish = m.err
	default: // the others bring nothing
	}
}

// acquire waits for the lock until asked ends, and says how that ended.
func (g *Gate) acquire(asked, ctx context.Context, pause time.Duration) {
	take(asked, pause)
	lease, err := g.cfg.Lock.Acquire(asked)
	if err != nil {
		g.post(ctx, message{event: event{Kind: onRefused}, err: err})
		return
	}
	g.post(ctx, message{event: event{Kind: onAcquired, Deadline: lease.Deadline()}, lease: lease})
}

// listen turns what happens to a lease into events.
func (g *Gate) listen(ctx context.Context, lease Lease) {
	for {
		select {
		case <-lease.Renewed():
			g.post(ctx, message{event: event{Kind: onRenewed, Deadline: lease.Deadline()}, lease: lease})
		case <-lease.Done():
			g.post(ctx, message{event: event{Kind: onLeaseLost, Reason: lease.Err()}, lease: lease})
			return
		case <-ctx.Done():
			return
		}
	}
}

// finish ends the lease in the store, beside everything else.
func (g *Gate) finish(ctx context.Context, outcome Outcome) {
	lease := g.lease
	g.tasks.Go(func() {
		within, cancel := context.WithTimeout(ctx, g.cfg.FinishWithin)
		defer cancel()
		err := lease.Finish(within, outcome)
		g.post(ctx, message{event: event{Kind: onFinished}, err: err})
	})
}

// warned posts onWarned once the sentinel is written; at once where there is nothing to wait for.
func (g *Gate) warned(ctx context.Context, written <-chan struct{}) {
	lease := g.lease
	g.tasks.Go(func() {
		if written != nil {
			select {
			case <-written:
			case <-ctx.Done():
				return
			}
		}
		g.post(ctx, message{event: event{Kind: onWarned}, lease: lease})
	})
}

func (g *Gate) post(ctx context.Context, m message) {
	select {
	case g.events <- m:
	case <-ctx.Done():
	}
}
