//go:build linux

package podworkload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Workload implements [gate.Workload] for what other containers run.
type Workload struct {
	cfg        Config
	targets    *targets // nil where no other container's processes are seen
	sentinel   sentinel
	complaints *telemetry.Complaints

	broken chan error
	gone   chan gate.Ended
	wake   chan struct{}
	quit   context.CancelFunc
	loop   sync.WaitGroup

	mu    sync.Mutex
	phase phase
	told  bool // the gate has been told that nothing is left
	// stopAt ends the phase beside, killAt the phase leaving.
	stopAt, killAt time.Duration
	stopping       bool
	token          int64
	idle           time.Duration // since when no follower runs
	idled          bool          // a lease was broken off for that
	word           *os.File      // the follower's flock, once it has given its word
	opened         atomic.Bool
	waitTold       time.Duration // when it was said last what the lock is kept for
	unwritten      string        // the reason that the sentinel has still to say
	looked         time.Duration // when the sentinel was looked at last
	looking        atomic.Int64  // since when it is being looked at; zero: it is not
}

// phase is what is done at each scan.
type phase int

const (
	shut    phase = iota // nothing of the workload may run
	beside               // something ran before this gate began: it may until stopAt
	leaving              // it has been sent SIGTERM, and has until killAt
	open                 // the workload runs
	warned               // lost; the sentinel is being written
	asked                // SIGTERM has been sent
	killing              // SIGKILL at each scan
)

// ErrIdle is what a lease is broken off with when its workload does not run.
var ErrIdle = errors.New("the workload has been idle for longer than --idle-release")

// New begins to look at the processes. lease is what the state directory says
// of a gate before this one, if anything: a workload that runs beside it may do so until that deadline, and without it
// is stopped at once, unless the lock is won before.
func New(cfg Config, lease *statedir.Lease) (*Workload, error) {
	if cfg.Twin == nil {
		cfg.Twin = alone{}
	}
	w := &Workload{cfg: cfg, complaints: telemetry.NewComplaints(cfg.Log), broken: make(chan error, 1), gone: make(chan gate.Ended, 1), wake: make(chan struct{}, 1)}
	t, err := newTargets(cfg.Spare...)
	switch {
	case err == nil:
		w.targets = t
	case cfg.Kill || !errors.Is(err, ErrNotShared):
		return nil, fmt.Errorf("protection kill: %w", err)
	}
	w.sentinel.path = cfg.Sentinel
	if err := w.sentinel.prepare(); err != nil { // before there is a lock that it is to protect
		return nil, err
	}
	var first func()
	if lease != nil && lease.Open {
		w.phase, w.stopAt, w.killAt = beside, lease.Deadline, lease.Deadline+lease.KillBudget/2
		cfg.Twin.Held(lease.Deadline)
	} else {
		write := w.sentinel.writer("the gate was started anew and does not hold the lock")
		first = func() { w.complaints.Log("the sentinel could not be written", write()) }
	}
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	w.loop.Go(func() {
		if first != nil {
			first()
		}
		w.run(ctx)
	})
	return w, nil
}

// Evidence says what can prove that the workload is gone; "" where nothing can.
func (w *Workload) Evidence() string {
	switch {
	case w.cfg.Dir != nil: // the follower itself lives on beside its workload
		return "the follower's report"
	case w.targets != nil: // what is seen is more than what is said
		return "the shared process namespace"
	case w.cfg.Status != nil:
		return "the pod's own status, of containers that are not started again"
	}
	return ""
}

// hopeless is true where nothing will ever prove that a workload which was told to stop is gone.
func (w *Workload) hopeless() bool {
	return w.cfg.Dir == nil && w.targets == nil && (w.cfg.Status == nil || !w.cfg.Status.Final())
}

// Close ends the looking. It signals nobody.
func (w *Workload) Close() {
	w.quit()
	w.loop.Wait()
	w.forget()
}

// Stop says that the gate has been asked to end: from now on it is evidence enough that nothing of the workload is left.
func (w *Workload) Stop() {
	w.mu.Lock()
	w.stopping = true
	w.mu.Unlock()
	w.poke()
}

// Start removes the sentinel and lets the workload be.
func (w *Workload) Start(g gate.Grant) {
	w.forget()
	w.mu.Lock()
	select {
	case <-w.broken: //nolint:errcheck // of a lease that was lost in the same moment
	default:
	}
	w.phase, w.told, w.token, w.idle, w.waitTold = open, false, g.Token, w.cfg.Clock.Now(), 0
	w.cfg.Twin.Held(g.Deadline)
	w.mu.Unlock()
	if err := w.cfg.Twin.Await(max(w.cfg.Budget.Kill/4, time.Second)); err != nil {
		w.complaints.Log("the workload is not let run", err)
		select {
		case w.broken <- err:
		default: // of this lease, and heard as a loss
		}
		return
	}
	// What was prepared may have been used by the loss before.
	if err := w.sentinel.ready(); err != nil && w.obeyed() {
		w.Break(err)
		return
	}
	// After the phase: a writer of the sentinel finds that it is late.
	w.complaints.Log("the sentinel of an earlier loss could not be removed", w.sentinel.remove())
	w.opened.Store(true)
	w.poke()
}

// Opened is true from when everything is ready for the workload, the sentinel
// of an earlier loss removed, until the loss.
func (w *Workload) Opened() bool { return w.opened.Load() }

// Extend tells the twin, unless nothing is left by now. Followers read the lease file.
func (w *Workload) Extend(deadline time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.told {
		w.cfg.Twin.Held(deadline)
	}
}

// Warn writes the sentinel.
func (w *Workload) Warn(reason string) <-chan struct{} {
	w.opened.Store(false)
	write := w.sentinel.writer(reason)
	w.mu.Lock()
	if !w.told { // else nothing is left to be stopped
		w.phase = warned
		w.cfg.Twin.Stopping(w.cfg.Clock.Now() + w.patience())
	}
	w.mu.Unlock()
	w.poke()
	if w.cfg.Sentinel == "" {
		return nil
	}
	done := make(chan struct{})
	w.loop.Go(func() {
		defer close(done)
		if err := write(); err != nil {
			w.complaints.Log("the sentinel could not be written", err)
			w.mu.Lock()
			w.unwritten = reason
			w.mu.Unlock()
		}
	})
	return done
}

// patience is how long after a loss the workload has been killed, or the gate has left.
func (w *Workload) patience() time.Duration {
	if w.cfg.LeaveAtOnce && !w.cfg.Kill {
		return w.cfg.Budget.KillAfter / 4
	}
	return w.cfg.Budget.KillAfter
}

// Terminate sends SIGTERM once, or ends the gate where that is the protection.
func (w *Workload) Terminate() {
	if w.cfg.LeaveAtOnce && !w.cfg.Kill {
		w.cfg.Leave()
		return
	}
	w.set(asked)
	w.signal(syscall.SIGTERM, asked)
}

// Kill sends SIGKILL, now and at each scan until the gate opens again.
func (w *Workload) Kill() {
	w.set(killing)
	w.signal(syscall.SIGKILL, killing)
	if w.hopeless() || w.cfg.LeaveAtOnce {
		// Either that is the protection, or nothing will ever prove that the workload is gone: the lease runs out.
		w.cfg.Leave()
	}
}

// Idled says whether a lease was broken off since it was asked last, because its workload did not run.
func (w *Workload) Idled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	idled := w.idled
	w.idled = false
	return idled
}

// obeyed is true where nothing but the sentinel stops the workload.
func (w *Workload) obeyed() bool {
	return w.cfg.Sentinel != "" && !w.cfg.Kill && !w.cfg.LeaveAtOnce && w.cfg.Dir == nil
}

// Break says that what protects the workload has failed: a lease that is held is lost.
func (w *Workload) Break(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != open {
		return
	}
	select {
	case w.broken <- err:
	default: // it has been told
	}
}

// Broken receives when the lease is held for nobody, or what protects the workload has failed.
func (w *Workload) Broken() <-chan error { return w.broken }

// Gone receives when nothing of the workload is left.
func (w *Workload) Gone() <-chan gate.Ended { return w.gone }

// set goes on to a phase of stopping, unless nothing is left to be stopped.
func (w *Workload) set(p phase) {
	w.mu.Lock()
	if !w.told {
		w.phase = p
	}
	w.mu.Unlock()
	w.poke()
}

func (w *Workload) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// forget lets go of a follower's flock.
func (w *Workload) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.word != nil {
		_ = w.word.Close()
		w.word = nil
	}
}

// signal signals what is seen, as long as the phase is the one in which that was decided.
func (w *Workload) signal(sig syscall.Signal, in phase) {
	if w.targets == nil || !w.cfg.Kill {
		return
	}
	w.mu.Lock()
	var err error
	if w.phase == in {
		err = w.targets.signal(sig)
	}
	w.mu.Unlock()
	w.complaints.Log("cannot signal a process of the workload: it needs the gate's user id", err)
}
