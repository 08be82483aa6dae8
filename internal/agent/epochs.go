//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/podworkload"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/problem"
)

// errIgnored is what a gate says that knows that its protection has failed.
var errIgnored = problem.Problem{
	Message: "the restart rule was ignored: a gate that had held the lock asked for it by its exit code, and was started again alone, so the other containers run on and would run on after every loss",
	Remedy: "switch on the feature gates ContainerRestartRules and RestartAllContainersOnContainerExits in the API server and the kubelet (Kubernetes 1.36 or newer), " +
		"or choose another protection, and delete the pod",
}

// epochs keeps the protection restart honest. The kubelet is asked to restart
// all containers by the exit of this one; a first init container begins a
// new epoch each time it does. So the gate notes in which epoch it holds, before it
// opens: should it come back in the same one, nobody was restarted with it.
type epochs struct {
	dir *statedir.Dir
	now string

	// noting is held by who reads or writes notes. A state directory that hangs holds up the next one, and nobody else.
	noting sync.Mutex
	// judged: the note of those before has been read.
	judged bool

	mu sync.Mutex
	// held: there is a note of this epoch, of this process or of one before it.
	held bool
	// refused: it was left by one that asked for a restart of everything by its exit code, in vain.
	refused bool
	// asks: it was left by one that did not end by itself. The rule does not count where the kubelet ends
	// a container, for its liveness probe say: it has not been asked yet.
	asks bool
	// leaves: a held lock was lost, so that this process ends and asks for a restart.
	leaves bool
}

// dying is how long a gate whose twin was killed may still be there.
const dying = 2 * time.Second

// epochs is nil where the protection is another one.
func (ses *session) epochs() (*epochs, error) {
	if !ses.s.Protects(settings.Restart) {
		return nil, nil //nolint:nilnil // without the protection restart there is nothing to note
	}
	now, err := ses.dir.Epoch()
	if err != nil {
		return nil, &Exit{settings.ExitUsage, problem.Of("protection", fmt.Errorf("restart: %w", err), "add the init container mongogate-epoch, which runs mongogate epoch: the first of the pod, without a restartPolicy, with this state volume")}
	}
	e := &epochs{dir: ses.dir, now: now}
	switch err := ses.dir.LockWithin(dying); { // the one before may be dying with its twin
	case errors.Is(err, statedir.ErrBusy): // another gate lives: what it notes says nothing of how it will end
		return e, nil
	case err != nil:
		return nil, err
	}
	return e, e.judge()
}

// judge reads what was noted before. The caller has the flock.
func (e *epochs) judge() error {
	e.noting.Lock()
	defer e.noting.Unlock()
	if e.judged {
		return nil
	}
	h, err := e.dir.Held()
	if err != nil {
		return err
	}
	e.judged = true
	if !e.learn(h) {
		return nil
	}
	// It was told to end, by a probe that failed or for a new image. How this process ends counts again.
	return e.dir.NoteHold(statedir.Hold{Epoch: e.now})
}

// learn draws conclusions from the note of a gate before this one, and says whether it is to be written anew.
func (e *epochs) learn(h statedir.Hold) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h.Epoch != e.now {
		return false
	}
	e.held = true
	if e.refused = h.Tried && !h.Asked; e.refused {
		return false
	}
	e.asks = !h.Asked
	return !e.asks
}

// returned is true where the workload of a gate before this one may still run.
func (e *epochs) returned() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held
}

// Refused says why the lock is not acquired; nil where it is.
func (e *epochs) Refused() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refused {
		return errIgnored
	}
	return nil
}

// mustAsk is true where the kubelet has still to be asked.
func (e *epochs) mustAsk() bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asks
}

// tries notes that this process ends with the exit code that asks for a restart of all containers.
func (e *epochs) tries() error {
	if e == nil {
		return nil
	}
	return e.note(statedir.Hold{Epoch: e.now, Tried: true})
}

// opens notes the hold, before the gate can open.
func (e *epochs) opens() error {
	if e == nil {
		return nil
	}
	if err := e.judge(); err != nil {
		return err
	}
	e.noting.Lock()
	defer e.noting.Unlock()
	if err := e.hold(); err != nil {
		return err
	}
	return e.dir.NoteHold(statedir.Hold{Epoch: e.now})
}

func (e *epochs) hold() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refused {
		return errIgnored
	}
	if e.asks {
		return errUnasked
	}
	e.held, e.leaves = true, false
	return nil
}

// asked notes that the gate was told to end.
func (e *epochs) asked() error { return e.noteAsked(true) }

// lost takes that back, for from a loss on its end asks for a restart.
func (e *epochs) lost() error {
	if e != nil {
		e.mu.Lock()
		e.leaves = e.held
		e.mu.Unlock()
	}
	return e.noteAsked(false)
}

func (e *epochs) noteAsked(asked bool) error {
	if e == nil {
		return nil
	}
	return e.note(statedir.Hold{Epoch: e.now, Asked: asked})
}

// note notes more of a hold, where there is one.
func (e *epochs) note(h statedir.Hold) error {
	e.noting.Lock()
	defer e.noting.Unlock()
	e.mu.Lock()
	none := !e.held || e.refused
	e.mu.Unlock()
	if none {
		return nil
	}
	return e.dir.NoteHold(h)
}

// ended forgets the hold: there is evidence that nothing of the workload is left.
// After a loss it does not: what the protection kill has ended the kubelet starts again,
// and that runs without the lock if the restart of all is ignored.
func (e *epochs) ended() error {
	if e == nil {
		return nil
	}
	e.noting.Lock()
	defer e.noting.Unlock()
	e.mu.Lock()
	leaves := e.leaves
	e.held = e.held && leaves
	e.mu.Unlock()
	if leaves {
		return nil
	}
	return e.dir.ForgetHold()
}

// noteWithin is how long a loss waits for its note: a state directory that hangs holds up the note, and not the loss.
const noteWithin = 500 * time.Millisecond

// errUnasked says that the lock is not for a gate beside which another one's workload may run.
var errUnasked = errors.New("a gate of this epoch has held the lock, and nobody has asked for the restart of all containers yet")

// errAlone ends a gate that asks for the restart.
var errAlone = &Exit{ExitLost, errors.New("something else, such as the kubelet for a failed liveness probe, ended a gate that held the lock and restarted it alone: exiting with code 88, so that the restart rule applies")}

// ask ends the gate with the exit code that asks for a restart of all containers, and stops what may run beside it
// by what there is: whether the rule counts is not known before.
func (ses *session) ask(e *epochs) error {
	if err := e.tries(); err != nil {
		return &Exit{ExitFailed, fmt.Errorf("noting that a restart is asked for: %w", err)} // any end but 0 asks as well
	}
	s := ses.s
	hand, err := podworkload.NewHand([]string{sentinelIn(s, ses.dir.Path())}, s.Protects(settings.Kill), s.Spare)
	if err == nil {
		err = hand.Warn("the gate restarted beside a workload that had its lock")
		l, read := ses.dir.ReadLease()
		if read != nil || ses.dir.Live(l, ses.clock.Now()) != nil { // nothing may run any more
			err = errors.Join(err, hand.Signal(syscall.SIGKILL))
		}
	}
	ses.warn(err)
	return errAlone
}

// before is the lease beside which this gate begins, or nil where nothing can run.
func (ses *session) before(e *epochs) *statedir.Lease {
	l, err := ses.dir.ReadLease()
	live := err == nil && ses.dir.Live(l, ses.clock.Now()) == nil
	switch {
	case err == nil && e == nil && l.Open && ses.dir.Unclear(l):
		// Nobody here knows when it is over: what runs is stopped at once.
		return &statedir.Lease{Open: true, Deadline: ses.clock.Now(), KillBudget: ses.s.Budget().Kill}
	case e == nil && live:
		return &l
	case e == nil || !e.returned(): // in a new epoch nothing runs yet
		return nil
	case live:
		return &l
	}
	// Its deadline is over: what runs is stopped at once.
	return &statedir.Lease{Open: true, Deadline: ses.clock.Now(), KillBudget: ses.s.Budget().Kill}
}

// tellIgnored says it at once, and now and then: whoever looks finds it at the end of the log.
func (ses *session) tellIgnored(e *epochs) {
	ses.metrics.RestartIgnored()
	ses.tasks.Go(func() {
		t := time.NewTicker(time.Hour)
		defer t.Stop()
		for {
			ses.log.Error(e.Refused(), "the lock is not acquired", "key", ses.s.Lock.Key, "epoch", e.now)
			select {
			case <-ses.ctx.Done():
				return
			case <-t.C:
			}
		}
	})
}

// warn logs what goes wrong beside the lock.
func (ses *session) warn(err error) {
	if err != nil {
		telemetry.Warn(ses.log, "a side task of the gate failed", "error", err.Error())
	}
}

// told is the context that ends when the sidecar is told to end, once that has been noted.
func (ses *session) told(ctx context.Context, e *epochs) (context.Context, func()) {
	signalled, stop := signal.NotifyContext(ctx, asking(ses.s)...)
	asked, end := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(signalled, func() {
		ses.warn(within(noteWithin, e.asked))
		end()
	})
	return asked, func() {
		unhook()
		stop()
		end()
	}
}
