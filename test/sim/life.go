package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// job is the key that all machines contend for. In a history of pairs each
// has a bucket of its own besides, and only the job's key keeps them apart.
const job = "the/job"

func bucket(m *machine) string { return fmt.Sprintf("%s@%d", job, m.number) }

// life is one process that holds a gate: from its start to its crash or the end of the history.
type life struct {
	machine *machine
	world   *History
	dead    atomic.Bool
	locker  *mongolock.Locker
	close   func()
	ctx     context.Context
	end     context.CancelFunc
	// behind: a workload that still runs is its guard's, which keeps the state directory locked: nothing
	// is acquired before that has ended. Otherwise the gate comes back beside the workload and adopts its lease.
	behind bool

	key     string // of the run that is due
	mu      sync.Mutex
	work    *workload // of the present gate
	renewed time.Time // the last acknowledgement that was heard of
	crashed bool
	over    sync.WaitGroup
}

func (h *History) begin(m *machine, behind bool) (*life, error) {
	l := &life{machine: m, world: h, behind: behind}
	var err error
	l.locker, l.close, err = h.servers.locker(m, &l.dead, mongolock.Options{
		Owner: fmt.Sprintf("machine-%d", m.number), Timing: m.timing, Clock: m, Observe: l.observe,
	})
	if err != nil {
		return nil, err
	}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.over.Go(l.gates)
	return l, nil
}

// gates runs one gate after the other, as a restart policy does, and cleans up when the life is over.
func (l *life) gates() {
	for l.ctx.Err() == nil {
		w := &workload{machine: l.machine, gone: make(chan gate.Ended, 1), dies: func() (time.Duration, gate.Ended) { return l.world.drawEnd(l.machine) }}
		l.mu.Lock()
		l.work = w
		crashed := l.crashed
		l.mu.Unlock()
		if crashed {
			break
		}
		l.key = l.world.bucketNow()
		g, err := gate.New(gate.Config{
			Clock: l.machine, Budget: l.machine.budget, Lock: l, Workload: w, Reacquire: l.world.kind != runs, FinishWithin: 2 * l.machine.timing.Operation,
			Observe: func(c gate.Change) {
				l.world.witness.note("machine %d: %v, %v %v", l.machine.number, c.State, c.Action, c.Reason)
				l.world.dawdle(l.machine)
			},
		})
		if err != nil {
			panic(err) // the budget is a constant
		}
		ctx, cancel := l.world.patience(l.ctx, l.machine)
		r := g.Run(ctx)
		cancel()
		l.rest(r)
	}
	l.close()
}

// rest is the time until the next gate: until the next run is due where this one is done, or somebody else does it.
func (l *life) rest(r gate.Result) {
	pause := 100 * time.Millisecond
	var (
		done *mongolock.DoneError
		held *mongolock.HeldError
	)
	if l.world.kind == runs && (errors.As(r.Acquire, &done) || errors.As(r.Acquire, &held)) {
		l.world.witness.count(func(c *Counts) { c.Skipped++ })
		pause += 5 * time.Second
	}
	if l.world.kind == runs && errors.As(r.Acquire, &done) {
		l.world.witness.isDone(done.Info.Key)
		pause = minute - time.Since(l.world.epoch)%minute
	}
	select {
	case <-l.ctx.Done():
	case <-time.After(pause):
	}
}

// Acquire is the gate's lock. What it returns it returns when the process is awake.
func (l *life) Acquire(ctx context.Context) (gate.Lease, error) {
	defer l.machine.awake()
	got, err := l.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if !got.Held() {
		l.world.witness.broken("machine %d: a lease of %s was handed out dead", l.machine.number, got.Key())
	}
	return held{got, l}, nil
}

func (l *life) acquire(ctx context.Context) (mongolock.AnyLease, error) {
	if l.behind {
		select {
		case <-l.machine.empty():
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	opts := []mongolock.AcquireOption{mongolock.Adopt(l.machine.nonces()...), mongolock.OnNonce(l.machine.file)}
	if l.world.kind == pairs {
		p, err := l.locker.AcquireAlone(ctx, bucket(l.machine), job, opts...)
		if err != nil {
			return nil, err
		}
		l.machine.holds(p.Run.Nonce(), p.Job.Nonce())
		return p, nil
	}
	key := job
	if l.world.kind == runs {
		key, opts = l.key, append(opts, mongolock.SkipIfHeld())
	}
	lease, err := l.locker.Acquire(ctx, key, opts...)
	if err != nil {
		return nil, err
	}
	l.machine.holds(lease.Nonce())
	return lease, nil
}

// held is what a gate holds here.
type held struct {
	mongolock.AnyLease
	life *life
}

// Finish ends the lease. The outcomes of both packages are in one order.
func (h held) Finish(ctx context.Context, outcome gate.Outcome) error {
	if outcome == gate.Unbegun && h.Adopted() {
		h.Leave()
		return nil
	}
	err := h.AnyLease.Finish(ctx, mongolock.Outcome(outcome))
	if err == nil && outcome == gate.Succeeded && h.life.world.kind == runs {
		h.life.world.witness.isDone(h.Key())
	}
	return err
}

// crash ends the life at once: nothing more is sent, and nobody is told anything.
func (l *life) crash() {
	l.dead.Store(true)
	l.mu.Lock()
	l.crashed = true
	w := l.work
	l.mu.Unlock()
	l.machine.orphan(w)
	// What is left of the life is not part of the world any more; it only has to end.
	l.end()
	select {
	case w.gone <- gate.Ended{}:
	default:
	}
}

// hears notes that the store has acknowledged something.
func (l *life) hears() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed = time.Now()
}

// robbed complains where somebody has taken the key from a holder whom the store had answered a moment ago.
func (l *life) robbed(lost *mongolock.LostError) {
	l.mu.Lock()
	since := time.Since(l.renewed)
	l.mu.Unlock()
	if lost.Reason == mongolock.LostTaken && since < l.machine.timing.TTL && !l.world.faults.force && !l.world.faults.slowObserver {
		l.world.witness.broken("machine %d: %v, %v after it was renewed", l.machine.number, lost, since)
	}
}

func (l *life) observe(e mongolock.Event) {
	w := l.world.witness
	defer l.world.dawdle(l.machine)
	switch e.Kind {
	case mongolock.EventRenewed:
		l.hears()
	case mongolock.EventAcquired:
		l.hears()
		w.note("machine %d: acquired, token %d", l.machine.number, e.Token)
	case mongolock.EventUnknown:
		w.count(func(c *Counts) { c.Unknown++ })
		w.note("machine %d: %s unknown", l.machine.number, e.Call)
	case mongolock.EventFinished:
		w.count(func(c *Counts) { c.Released++ })
		w.note("machine %d: released", l.machine.number)
	case mongolock.EventLost:
		var lost *mongolock.LostError
		if errors.As(e.Err, &lost) {
			w.count(func(c *Counts) {
				switch lost.Reason {
				case mongolock.LostDeadline:
					c.LostDeadline++
				case mongolock.LostTaken:
					c.LostTaken++
				case mongolock.LostRevoked:
					c.LostRevoked++
				}
			})
			w.note("machine %d: lost, %s", l.machine.number, lost.Reason)
			l.robbed(lost)
		}
	}
}
