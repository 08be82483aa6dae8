//go:build linux

package fence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Config says what a sidecar may do to its workload, and what it can see of it.
type Config struct {
	// Sentinel is the file that is written on loss and removed before the gate opens.
	Sentinel string
	// Kill signals every process of the workload in a shared process namespace.
	Kill bool
	// Leave ends the gate's own process; it is called once, on loss. With
	// LeaveAtOnce that is the fence; otherwise it is what remains when there
	// is no evidence to wait for, after the kill budget.
	Leave       func()
	LeaveAtOnce bool
	// Scan is the time between looks at the processes.
	Scan time.Duration
	// Dir is asked for the word of a follower, where there is one.
	Dir *statedir.Dir
	// Idle is how long the lease is kept while a follower that has run once, or
	// may run, does not; zero: for ever. It needs Dir.
	Idle  time.Duration
	Clock gate.Clock
	Log   logr.Logger
}

// Workload implements [gate.Workload] for what other containers run.
type Workload struct {
	cfg     Config
	targets *targets // nil where no other container's processes are seen

	broken chan error
	gone   chan gate.Ended
	wake   chan struct{}
	quit   context.CancelFunc
	loop   sync.WaitGroup

	mu    sync.Mutex
	phase phase
	// fenceAt ends the phase beside.
	fenceAt  time.Duration
	stopping bool
	token    int64
	idle     time.Duration // since when no follower runs
	word     *os.File      // the follower's flock, once it has given its word
}

// phase is what is done at each scan.
type phase int

const (
	shut    phase = iota // nothing of the workload may run
	beside               // something ran before this gate began: it may until fenceAt
	open                 // the workload runs
	warned               // lost; the sentinel is being written
	asked                // SIGTERM has been sent
	killing              // SIGKILL at each scan
)

// ErrIdle is what a lease is broken off with when its workload does not run.
var ErrIdle = errors.New("the workload has not run for as long as the lock may stand idle")

// New begins to look at the processes. lease is what the state directory says
// of a gate before this one, if anything: a workload that runs beside it may do so until that deadline, and without it
// is fenced at once, unless the lock is won before.
func New(cfg Config, lease *statedir.Lease) (*Workload, error) {
	w := &Workload{cfg: cfg, broken: make(chan error, 1), gone: make(chan gate.Ended, 1), wake: make(chan struct{}, 1)}
	t, err := newTargets()
	switch {
	case err == nil:
		w.targets = t
	case cfg.Kill || !errors.Is(err, ErrNotShared):
		return nil, fmt.Errorf("fence kill: %w", err)
	}
	if lease != nil && lease.Open {
		w.phase, w.fenceAt = beside, lease.Deadline
	}
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	w.loop.Go(func() { w.run(ctx) })
	return w, nil
}

// Evidence says what can prove that the workload is gone; "" where nothing can.
func (w *Workload) Evidence() string {
	switch {
	case w.cfg.Dir != nil: // the follower itself lives on beside its workload
		return "the follower's word"
	case w.targets != nil:
		return "the shared process namespace"
	}
	return ""
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
	if w.cfg.Sentinel != "" {
		if err := os.Remove(w.cfg.Sentinel); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.cfg.Log.Error(err, "the sentinel of an earlier loss could not be removed")
		}
	}
	if w.cfg.Dir != nil {
		if err := w.cfg.Dir.MarkIdle(g.Token); err != nil {
			w.cfg.Log.Error(err, "there will be no evidence of a follower's end")
		}
	}
	w.mu.Lock()
	w.phase, w.token, w.idle = open, g.Token, w.cfg.Clock.Now()
	w.mu.Unlock()
	w.poke()
}

// Extend has nobody to tell: followers read the lease file.
func (w *Workload) Extend(time.Duration) {}

// Warn writes the sentinel.
func (w *Workload) Warn(reason string) <-chan struct{} {
	w.set(warned)
	if w.cfg.Sentinel == "" {
		return nil
	}
	done := make(chan struct{})
	w.loop.Go(func() {
		defer close(done)
		if err := writeSentinel(w.cfg.Sentinel, reason); err != nil {
			w.cfg.Log.Error(err, "the sentinel could not be written")
		}
	})
	return done
}

// writeSentinel writes the file in one step, with the reason as its text.
func writeSentinel(path, reason string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for the workload to read
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(reason+"\n"), 0o644); err != nil { //nolint:gosec // for the workload to read
		return err
	}
	return os.Rename(tmp, path)
}

// Terminate sends SIGTERM once, or ends the gate where that is the fence.
func (w *Workload) Terminate() {
	if w.cfg.LeaveAtOnce {
		w.cfg.Leave()
		return
	}
	w.set(asked)
	if w.cfg.Kill {
		w.signal(syscall.SIGTERM)
	}
}

// Kill sends SIGKILL, now and at each scan until the gate opens again.
func (w *Workload) Kill() {
	w.set(killing)
	if w.cfg.Kill {
		w.signal(syscall.SIGKILL)
	}
	if w.Evidence() == "" {
		// Nothing will ever prove that the workload is gone. The lease runs out; the container begins anew.
		w.cfg.Leave()
	}
}

// Broken receives when the lease is held for nobody.
func (w *Workload) Broken() <-chan error { return w.broken }

// Gone receives when nothing of the workload is left.
func (w *Workload) Gone() <-chan gate.Ended { return w.gone }

func (w *Workload) set(p phase) {
	w.mu.Lock()
	w.phase = p
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
		_ = w.word.Close() //nolint:errcheck // nothing was written
		w.word = nil
	}
}

// signal signals what is seen.
func (w *Workload) signal(sig syscall.Signal) {
	if w.targets == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list, err := w.targets.find()
	if err != nil {
		w.cfg.Log.Error(err, "the workload could not be seen")
		return
	}
	for _, p := range list {
		err := p.Signal(sig)
		if err == nil && sig == syscall.SIGTERM {
			err = p.Signal(syscall.SIGCONT) // what is stopped does not hear SIGTERM
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
			w.cfg.Log.Error(err, "a process of the workload could not be signalled; it needs the gate's user id", "pid", p.PID, "signal", sig.String())
		}
	}
}
