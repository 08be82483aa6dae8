//go:build linux

package guard

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// reap waits for children until no process of the tree can be left. Either
// the guard says so before it ends: it was the tree's subreaper to the last.
// Or it dies without that word: then all that is left of the tree is ours, and
// the proof is our own ECHILD. The first proof does not need the second: as PID 1
// we also inherit orphans that are not of the tree (kubectl exec).
func (r *run) reap() {
	err := r.untilGone()
	if err != nil {
		// The kernel does not answer what it is asked. There is no evidence, and
		// so no release: the lease runs out.
		r.reportBroken(err)
		return
	}
	<-r.statusEnd // only the guard could write to it
	if os.Getpid() == 1 {
		r.endStrangers()
	}
	r.endKillers()
	r.closeControl()
	r.status.Close()
	var back error
	if r.term != nil {
		back = r.term.takeBack()
	}
	r.w.finished(r.ended())
	if back != nil {
		r.w.command.Log.V(1).Info("terminal not restored", "cause", back.Error())
	}
}

// endStrangers ends what others have started in the container of which the gate is the first process (kubectl exec,
// docker exec, nsenter): it is beside the command, under the same lock, and would end with us, after that is given back.
func (r *run) endStrangers() {
	budget := r.w.command.Budget
	var backoff proctree.Backoff
	for stuck := time.After(budget.Kill); ; {
		if alive, err := proctree.KillPass(1); err == nil && alive == 0 {
			return
		}
		select {
		case <-stuck:
			if hook := r.w.command.StuckPID1; hook != nil {
				hook()
			}
		case <-time.After(backoff.Next()):
		}
	}
}

func (r *run) untilGone() error {
	for {
		exit, empty, err := proctree.WaitOne()
		switch {
		case err != nil:
			return err
		case empty:
			return nil
		case exit.PID == r.process.PID:
			<-r.statusEnd
			if r.guardEnded(exit) {
				return nil
			}
		default:
			r.adopted(exit)
		}
	}
}

// guardEnded says whether the guard has proved that the tree is empty. If not,
// nobody watches what is left, and it is killed at once: the command's main
// process has been by the kernel.
func (r *run) guardEnded(exit proctree.Exit) (proved bool) {
	r.mu.Lock()
	proved = r.heard.empty
	r.guardDead = !proved
	killing := r.killing
	r.mu.Unlock()
	if proved {
		return true
	}
	if killing {
		return false // by our own hand, most likely: it was in the way
	}
	r.kill()
	r.reportBroken(&DiedError{Status: syscall.WaitStatus(exit.Status)})
	return false
}

// adopted notes the main process's end if it came to us from a dead guard.
func (r *run) adopted(exit proctree.Exit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if exit.PID == r.heard.main && !r.heard.exited {
		r.heard.exited, r.heard.exit = true, syscall.WaitStatus(exit.Status)
	}
}

// DiedError is what Broken receives when the guard has ended before its time.
type DiedError struct{ Status syscall.WaitStatus }

func (e *DiedError) Error() string {
	if e.Status.Signaled() {
		return "the guard was killed: " + e.Status.Signal().String()
	}
	return "the guard has ended while it was needed"
}

func (r *run) forward(sig syscall.Signal) {
	if r.w.command.stops().Has(sig) {
		r.mu.Lock()
		r.asked = true
		r.mu.Unlock()
	}
	r.tell(kindForward, int64(sig))
}

func (r *run) terminate() {
	r.mu.Lock()
	r.asked, r.termAsked = true, true
	broken := r.brokenSaid
	r.mu.Unlock()
	if broken {
		r.terminateDirectly()
		return
	}
	r.tell(kindTerminate, 0)
}

// terminateDirectly does the guard's part when the guard does not listen. A
// dead guard's tree is being killed already.
func (r *run) terminateDirectly() {
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := r.termAsked && !r.guardDead && !r.killing
	r.termAsked = false
	if !wanted {
		return
	}
	r.beside(func() {
		if err := proctree.Terminate(os.Getpid(), r.process.PID); err != nil {
			r.w.command.Log.Error(err, "some processes could not be terminated")
		}
	})
}

// beside signals processes of the tree in a goroutine of its own, while there can be any. It is called under the lock.
func (r *run) beside(signal func()) {
	select {
	case <-r.evidence: // closed under the lock
		return
	default:
	}
	r.killers.Add(1)
	r.w.runs.Go(func() {
		defer r.killers.Done()
		signal()
	})
}

// endKillers tells the killers that nothing is left, and waits for them: one that still looked
// for processes when the next run begins would find that run's guard.
func (r *run) endKillers() {
	r.mu.Lock()
	close(r.evidence)
	r.mu.Unlock()
	r.killers.Wait()
}

// kill works with a healthy guard, a frozen one and a dead one alike.
func (r *run) kill() {
	r.mu.Lock()
	first := !r.killing
	r.asked, r.killing = true, true
	r.mu.Unlock()
	if !first {
		return
	}
	r.tell(kindKill, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beside(r.killUntilGone)
}

// Once the tree looks empty a healthy guard ends by itself within
// farewell; one that does not is in the way of the evidence.
const farewell = 100 * time.Millisecond

// killUntilGone kills the tree first and the guard after it: should we die in
// between, the guard is still there.
func (r *run) killUntilGone() {
	var (
		backoff proctree.Backoff
		emptyAt time.Time
		budget  = r.w.command.Budget
		stuck   = time.After(budget.Kill - budget.KillAfter)
	)
	for {
		alive, err := proctree.KillPass(os.Getpid(), r.process.PID)
		if err == nil && alive == 0 && emptyAt.IsZero() {
			emptyAt = time.Now()
		}
		if r.deaf() || !emptyAt.IsZero() && time.Since(emptyAt) >= farewell {
			_ = r.process.Signal(unix.SIGKILL)
		}
		select {
		case <-r.evidence:
			return
		case <-stuck:
			r.nameStuck()
			stuck = time.After(time.Minute)
			if hook := r.w.command.StuckPID1; hook != nil && os.Getpid() == 1 {
				hook()
			}
		case <-time.After(backoff.Next()):
		}
	}
}

// nameStuck tells people which processes were killed and have not gone: the
// kernel cannot end them, mostly because they wait for a disk or a server of files.
func (r *run) nameStuck() {
	left, err := proctree.Descendants(os.Getpid(), r.process.PID)
	if err != nil || len(left) == 0 {
		return
	}
	r.w.command.Log.Error(nil, "killed processes are still there: the lock is kept until they are gone", "processes", proctree.Describe(left))
}

// deaf: a guard that no longer confirms does nothing for us either.
func (r *run) deaf() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.brokenSaid
}

func (r *run) closeControl() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.control >= 0 {
		unix.Close(r.control)
		r.control = -1
	}
}
