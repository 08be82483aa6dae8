//go:build linux

package guard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
)

// longestSleep bounds every sleep: poll(2) measures by a clock that stands
// still while the machine is suspended, and a deadline may have passed meanwhile.
const longestSleep = time.Second

// watch is the guard's one loop: read what the gate has said, look at the
// clock, act, reap, sleep. Nothing in it waits for anybody: pipes do not block,
// and what is written to standard error is written on the side.
type watch struct {
	spec    spec
	command []string

	control, children int32 // what poll(2) watches
	status            int
	clock             gate.Clock
	stop              *stop
	last              *lasttimer.Timer // nil where there is none
	awake             awake            // what it was set for
	rearmed           time.Duration    // when

	gateGone   bool
	starting   bool    // the command has been started, or could not be
	main       int     // its process id; zero before and after
	nested     *nested // the namespace that it runs in; nil where that is ours
	terminated bool
	reported   bool // kindStopping was sent
	left       bool // the session of gate and command
	pausedSaid bool // kindStopped was sent
	namedStuck time.Duration
	backoff    proctree.Backoff
}

func (w *watch) run() error {
	for {
		// What was told before this instant is read before the instant is judged, wherever in between we are frozen.
		now := w.clock.Now()
		w.listen(now)
		if err := w.keepAwake(now); err != nil {
			return err
		}
		if !w.starting && (w.stop.deadline > 0 || w.gateGone || w.stop.term != never) {
			w.begin()
		}
		killing := w.act(now)
		empty, err := w.reap()
		if err != nil {
			return err
		}
		if empty && w.starting {
			w.tell(record{Kind: kindEmpty})
			return nil
		}
		w.sleep(now, killing)
	}
}

// listen takes all that the gate has sent before anything is judged, so that
// the newest deadline counts however late we wake, and confirms it.
func (w *watch) listen(now time.Duration) {
	if w.gateGone {
		return
	}
	records, err := drain(int(w.control))
	deadline, newest := time.Duration(0), uint64(0)
	for _, r := range records {
		newest = r.Seq
		if r.Kind == kindDeadline {
			deadline = max(deadline, time.Duration(r.Value))
		} else {
			w.obey(r, now)
		}
	}
	if deadline > 0 && !w.stop.extend(now, deadline) {
		newest = 0 // a lost lease is not confirmed
	}
	if newest > 0 {
		w.tell(record{Kind: kindConfirmed, Seq: newest})
	}
	if err != nil { // the end of the file, or a pipe that can no longer be read: nobody guides us
		w.gateGone = true
		w.stop.gateGone(now)
		if err := w.keepAwake(now); err != nil { // before anybody learns of it
			w.report(reasonGateGone, err.Error())
		}
		reason := "the gate has died"
		if !errors.Is(err, io.EOF) {
			reason = err.Error()
		}
		w.report(reasonGateGone, reason)
	}
}

func (w *watch) obey(r record, now time.Duration) {
	switch r.Kind {
	case kindTerminate:
		w.stop.by(now, never)
	case kindKill:
		w.stop.by(now, now)
	case kindForward:
		w.forward(syscall.Signal(r.Value))
	default: // deadlines are judged together
	}
}

// forward gives a signal to the main process. Where there is none, not yet or
// no more, a request to stop is meant for the start or for what is left of the tree.
func (w *watch) forward(sig syscall.Signal) {
	asks := w.spec.Stops.Has(sig)
	if asks {
		defer func() { _ = proctree.Continue(os.Getpid()) }() // what cannot be reached gets SIGKILL in the end, or nobody does
	}
	switch {
	case w.main != 0 && w.nested != nil:
		_ = w.nested.main.Signal(sig) // not our child
	case w.main != 0:
		_ = unix.Kill(w.main, sig) // our child, not yet reaped: the id is its own
	case asks:
		w.stop.by(0, never)
	}
}

// begin starts the command, if it still may run.
func (w *watch) begin() {
	w.starting = true
	now := w.clock.Now()
	if w.stop.at(now) != orderNone {
		failure := unix.ECANCELED
		if w.stop.lost {
			failure = unix.ETIME
		}
		w.tell(record{Kind: kindFailed, Value: int64(failure)})
		return
	}
	pid, err := w.startCommand()
	if err != nil {
		w.tell(record{Kind: kindFailed, Value: int64(errnoOf(err))})
		return
	}
	w.main = pid
	w.tell(record{Kind: kindStarted, Value: int64(pid)})
	w.left = leaveSession(pid)
}

func (w *watch) startCommand() (pid int, err error) {
	if w.spec.Isolation == IsolatePIDs {
		w.nested, err = startNested(w.command, w.spec.Terminal)
		if err != nil {
			return 0, err
		}
		return w.nested.main.PID, nil
	}
	var first launching
	if w.spec.Terminal {
		first |= launchTerminal
	}
	if w.spec.Isolation == IsolateSignals {
		first |= launchScoped
	}
	return startCommand(w.command, first)
}

// act does what is to be done at an instant up to which everything has been read.
func (w *watch) act(now time.Duration) (killing bool) {
	switch w.stop.at(now) {
	case orderNone:
		return false
	case orderTerminate:
		w.reportLoss()
		if !w.terminated {
			w.terminated = true
			root := os.Getpid()
			if w.spec.First {
				root = 1
			}
			_ = proctree.Terminate(root, os.Getpid()) // whoever could not be reached gets SIGKILL
		}
		return false
	default:
		_, _ = proctree.KillPass(os.Getpid()) // repeated until reap says that none is left
		if w.spec.First {
			_, _ = proctree.KillPass(1, os.Getpid()) // what others have started here, such as kubectl exec
		}
		w.reportLoss()
		w.nameStuck(now)
		return true
	}
}

// nameStuck is for a guard whose gate has died: it says what the gate would say.
func (w *watch) nameStuck(now time.Duration) {
	due := w.stop.kill + time.Duration(w.spec.Kill) - w.stop.killAfter
	if !w.gateGone || now < max(due, w.namedStuck+time.Minute) {
		return
	}
	left, err := proctree.Descendants(os.Getpid())
	if err != nil || len(left) == 0 {
		return
	}
	w.namedStuck = now
	go fmt.Fprintf(os.Stderr, "mongogate guard %d: processes were killed and are still there: %s\n", os.Getpid(), proctree.Describe(left))
}

func (w *watch) reap() (empty bool, err error) {
	exits, empty, err := proctree.Watch()
	status, ended := w.nested.ended(exits)
	if ended {
		w.exited(int64(status))
	}
	if w.nested != nil && w.nested.paused != 0 && w.main != 0 {
		w.paused(w.nested.paused)
	}
	for _, exit := range exits {
		switch {
		case exit.PID != w.main:
		case exit.Stopped():
			w.paused(exit.Status.StopSignal())
		default:
			w.exited(int64(exit.Status))
		}
	}
	return empty, err
}

// paused is told that the command was stopped. One that has only looked at a
// terminal in whose background it is has done so before we had left its session:
// now the kernel answers it with an error, and it goes on.
func (w *watch) paused(sig syscall.Signal) {
	if (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && w.left && !w.spec.Terminal && w.nested == nil {
		_ = unix.Kill(-w.main, unix.SIGCONT)
		return
	}
	if !w.pausedSaid {
		w.pausedSaid = true
		w.tell(record{Kind: kindStopped, Seq: uint64(sig), Value: int64(w.main)})
	}
}

// exited is told of the command's main process.
func (w *watch) exited(status int64) {
	if w.main == 0 {
		return
	}
	w.main = 0
	w.tell(record{Kind: kindExited, Value: status})
	if !w.spec.WaitTree {
		w.stop.leftover(w.clock.Now())
	}
}

// sleep ends with the next instant after the one that was judged, with news from the gate, or with a child.
func (w *watch) sleep(now time.Duration, killing bool) {
	pause := max(0, min(longestSleep, w.stop.next(now)-w.clock.Now()))
	if killing {
		pause = w.backoff.Next()
	} else if w.stop.at(now) == orderTerminate && !w.terminated {
		return
	}
	fds := []unix.PollFd{{Fd: w.children, Events: unix.POLLIN}}
	if !w.gateGone {
		fds = append(fds, unix.PollFd{Fd: w.control, Events: unix.POLLIN})
	}
	if w.nested != nil && w.main != 0 {
		fds = append(fds, unix.PollFd{Fd: int32(w.nested.report), Events: unix.POLLIN})
	}
	millis := int((pause + time.Millisecond - 1) / time.Millisecond)
	if _, err := unix.Poll(fds, millis); err != nil && !errors.Is(err, unix.EINTR) {
		time.Sleep(time.Millisecond) // out of memory for a moment: go round all the same
	}
	var buf [64]byte
	for {
		if n, err := unix.Read(int(w.children), buf[:]); n <= 0 && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// tell never waits. If the gate cannot be told it is dead or frozen, and what it misses it learns from our exit.
func (w *watch) tell(r record) { _ = send(w.status, r) }

func (w *watch) reportLoss() {
	if w.stop.lost && !w.gateGone {
		w.report(reasonDeadline, "the deadline has passed")
	}
}

// report tells the gate why the tree is stopped, and those who read standard
// error too: the gate may not be there to say it. The write may block as long as
// it likes (a pipe that nobody reads); it ends with the process.
func (w *watch) report(reason int64, why string) {
	if w.reported {
		return
	}
	w.reported = true
	w.tell(record{Kind: kindStopping, Value: reason})
	go fmt.Fprintf(os.Stderr, "mongogate guard %d: %s: the command and everything it has started is stopped\n", os.Getpid(), why)
}
