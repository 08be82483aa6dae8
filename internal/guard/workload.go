//go:build linux

package guard

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Workload runs the command under a guard, once for every Start. A process has
// one Workload and no other children: its orphans and exit statuses are all taken to be the tree's.
type Workload struct {
	command Command
	broken  chan error
	gone    chan gate.Ended

	last *lasttimer.Timer // nil where there is none

	mu      sync.Mutex
	until   time.Duration // the newest deadline
	current *run          // nil before Start and after Gone
	closed  bool
	asked   syscall.Signal // a request to stop that came before there was anything to stop
	runs    sync.WaitGroup
}

var _ gate.Workload = (*Workload)(nil)

// New prepares to run the command and makes the process a subreaper whose
// memory other processes cannot read. The error names everything that is wrong with c.
func New(c Command) (*Workload, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("guarded command: %w", err)
	}
	for _, prepare := range []func() error{proctree.CheckProc, proctree.CheckTime, proctree.HideMemory, proctree.BecomeSubreaper} {
		if err := prepare(); err != nil {
			return nil, fmt.Errorf("guarded command: %w", err)
		}
	}
	w := &Workload{
		command: c,
		broken:  make(chan error, 1),
		gone:    make(chan gate.Ended, 1),
	}
	var err error
	if w.last, err = lasttimer.New(); err != nil {
		telemetry.Warn(c.Log, "no kernel timers: nothing acts if gate and guard are both stopped", "error", err.Error())
	}
	return w, nil
}

// errLate: a lease that is over before anything was started.
var errLate = errors.New("the lease's deadline had passed before the command was started")

// Start starts guard and command. What keeps the command from starting comes by Gone, as Ended.Err.
func (w *Workload) Start(g gate.Grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.current != nil {
		w.command.Log.Error(nil, "start refused: a command is running, or the workload is closed")
		return
	}
	drainBroken(w.broken) // of the run before
	if w.asked != 0 {
		w.report(gate.Ended{Code: exitSignal + int(w.asked)})
		return
	}
	if w.command.Clock.Now() >= g.Deadline {
		w.report(gate.Ended{Code: exitNotExecutable, Err: errLate})
		return
	}
	w.until = g.Deadline
	w.keepAwake(g.Deadline)
	r, err := startRun(w, g)
	if err != nil {
		w.report(gate.Ended{Code: exitNotExecutable, Err: fmt.Errorf("start the guard: %w", err)})
		return
	}
	w.current = r
}

func drainBroken(broken chan error) {
	select {
	case <-broken: //nolint:errcheck // what it was is over
	default:
	}
}

// Extend tells the guard of a later deadline.
func (w *Workload) Extend(deadline time.Duration) {
	w.mu.Lock()
	r := w.current
	w.until = max(w.until, deadline)
	w.mu.Unlock()
	if r != nil {
		w.keepAwake(deadline)
		r.tell(kindDeadline, int64(deadline))
	}
}

// Warn has nothing to write: a sentinel file is not this package's.
func (w *Workload) Warn(string) <-chan struct{} { return nil }

// Terminate sends SIGTERM to the whole tree, once per start.
func (w *Workload) Terminate() {
	if r := w.running(); r != nil {
		r.terminate()
	}
}

// Kill sends SIGKILL to the whole tree until it is empty, and to a guard that does not then end by itself.
func (w *Workload) Kill() {
	if r := w.running(); r != nil {
		r.kill()
	}
}

// Forward gives a signal that the gate has received to the command's main
// process. After one that asks to stop the command's end is no longer unasked,
// and what is stopped of it (SIGSTOP) is continued. When the main process has
// ended and its tree is waited for, those end the tree; before anything runs, they keep it from being started.
func (w *Workload) Forward(sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	if !ok || !catchable(number) {
		return
	}
	w.mu.Lock()
	r := w.current
	if r == nil && w.command.stops().Has(number) {
		w.asked = number
	}
	// Of our own timer: the lease is over, and so is the command.
	woken := number == unix.SIGCONT && w.command.Clock.Now() >= w.until
	w.mu.Unlock()
	if r != nil && !woken {
		r.forward(number)
	}
}

// Broken receives when the guard has died or did not confirm in time, once per start.
func (w *Workload) Broken() <-chan error { return w.broken }

// Gone receives once per start, when no process of the tree is left.
func (w *Workload) Gone() <-chan gate.Ended { return w.gone }

// Close kills what is left and returns when it is gone. It is for an orderly
// exit: as long as the kernel cannot end a process it does not return. No method may be called afterwards.
func (w *Workload) Close() {
	w.mu.Lock()
	w.closed = true
	r := w.current
	w.mu.Unlock()
	if r != nil {
		r.kill()
	}
	w.runs.Wait()
	if err := w.last.Close(); err != nil {
		w.command.Log.Error(err, "cannot close the kernel timers")
	}
}

func (w *Workload) running() *run {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// finished is a run's last word.
func (w *Workload) finished(ended gate.Ended) {
	w.mu.Lock()
	w.current = nil
	if err := w.last.Disarm(); err != nil {
		w.command.Log.Error(err, "cannot disarm the kernel timers")
	}
	w.mu.Unlock()
	w.report(ended)
}

func (w *Workload) report(ended gate.Ended) {
	select {
	case w.gone <- ended:
	default: // nobody has asked for the evidence of the run before; nobody listens
	}
}
