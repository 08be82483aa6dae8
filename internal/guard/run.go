//go:build linux

package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
)

// run is one guard and its command, as the gate sees them.
//
// Three goroutines belong to it, all waited for by Workload.Close: read takes
// the guard's status, reap takes exit statuses until there is evidence, and
// the killers, if any, end when reap has found it: before the run is reported to have ended.
type run struct {
	w       *Workload
	process proctree.Process // the guard
	status  *os.File
	term    *terminal

	statusEnd chan struct{} // closed when the guard can write no more
	evidence  chan struct{} // closed under the lock when no process of the tree is left
	lapse     *lapse

	mu         sync.Mutex
	control    int // the pipe's end; -1 once closed
	told       uint64
	asked      bool // to stop, by us or by a forwarded signal
	brokenSaid bool
	guardDead  bool
	termAsked  bool
	killing    bool
	heard      heard

	killers sync.WaitGroup
}

// heard is what the guard has told.
type heard struct {
	failed   syscall.Errno
	started  bool
	main     int // the command's process id
	exited   bool
	exit     syscall.WaitStatus
	stopping bool // by the guard's own decision
	empty    bool
}

// startRun starts the guard; the guard starts the command once it has
// confirmed the deadline, which lies in the pipe before the guard looks.
func startRun(w *Workload, g gate.Grant) (*run, error) {
	var control, status [2]int
	if err := unix.Pipe2(control[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make the control pipe: %w", err)
	}
	if err := unix.Pipe2(status[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		closeAll(control[:]...)
		return nil, fmt.Errorf("make the status pipe: %w", err)
	}
	r := &run{
		w: w, control: control[1],
		status:    os.NewFile(uintptr(status[0]), "guard status"),
		statusEnd: make(chan struct{}), evidence: make(chan struct{}),
	}
	if err := r.status.SetReadDeadline(time.Time{}); err != nil { // it is how silence is noticed
		closeAll(control[0], control[1], status[1])
		return nil, errors.Join(fmt.Errorf("watch the status pipe: %w", err), r.status.Close())
	}
	r.lapse = newLapse(w.command.Confirm, r.status.SetReadDeadline)
	r.tell(kindDeadline, int64(g.Deadline))
	if t, ok := findTerminal(0, 1); ok {
		r.term = &t
	}
	err := r.startGuard(g, control[0], status[1])
	closeAll(control[0], status[1])
	if err != nil {
		closeAll(control[1])
		r.status.Close()
		return nil, err
	}
	w.runs.Go(r.read)
	w.runs.Go(r.reap)
	return r, nil
}

func (r *run) startGuard(g gate.Grant, control, status int) error {
	c := r.w.command
	told, err := json.Marshal(spec{First: os.Getpid() == 1, KillAfter: int64(c.Budget.KillAfter), Kill: int64(c.Budget.Kill), Timer: r.w.last != nil, Isolation: c.Isolation, Stops: c.stops(), WaitTree: c.WaitTree, Terminal: r.term != nil})
	if err != nil {
		return err
	}
	files := []uintptr{0, 1, 2, uintptr(control), uintptr(status)}
	if c.Flock != nil {
		if lock := c.Flock(); lock != nil {
			files = append(files, lock.Fd())
		}
	}
	args := append([]string{os.Args[0], Name, string(told), c.Path}, c.Args...)
	// Not os/exec: it waits for its children on its own, and we wait for all of them.
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Dir: c.Dir, Env: c.environment(g), Files: files,
		// A group of its own until it has a session: a ^C before that is not for the guard.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("execute %s in %q: %w", Name, c.Dir, err)
	}
	r.process, err = proctree.Look(pid) // unreaped, so it is there
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		return errors.Join(err, reapOne(pid))
	}
	if r.term != nil {
		r.term.lend()
	}
	return nil
}

func reapOne(pid int) error {
	_, err := unix.Wait4(pid, nil, 0, nil)
	return err
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// tell sends a record and expects its confirmation. A pipe that is full or
// broken shows by the confirmation that does not come.
func (r *run) tell(k kind, value int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.control < 0 {
		return
	}
	r.told++
	r.lapse.sent(r.told)
	_ = send(r.control, record{Kind: k, Seq: r.told, Value: value})
}

// read takes the guard's status until nobody can write any more.
func (r *run) read() {
	defer close(r.statusEnd)
	buf := make([]byte, 64*recordSize)
	for {
		n, err := r.status.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if r.lapse.overdue() {
				r.reportBroken(fmt.Errorf("the guard (process %d) has not confirmed for %v", r.process.PID, r.w.command.Confirm))
			}
			continue
		}
		if err != nil {
			return // end of file: the guard has ended
		}
		records, err := decode(buf[:n])
		if err != nil {
			r.reportBroken(fmt.Errorf("read the guard's status: %w", err))
			return
		}
		for _, rec := range records {
			r.hear(rec)
		}
	}
}

func (r *run) hear(rec record) {
	r.note(rec)
	switch log := r.w.command.Log; rec.Kind { // not under the lock: standard error may block
	case kindStarted:
		log.V(1).Info("command started", "pid", rec.Value, "guard", r.process.PID)
	case kindExited:
		log.V(1).Info("command ended", "code", codeOf(syscall.WaitStatus(rec.Value)))
	case kindStopped:
		telemetry.Warn(log, "the command is stopped; it continues on SIGCONT", "pid", rec.Value, "by", syscall.Signal(rec.Seq).String())
	case kindStopping:
		telemetry.Warn(log, "the guard stops the command on its own", "deadlinePassed", rec.Value == reasonDeadline)
	default:
	}
}

func (r *run) note(rec record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.heard
	switch rec.Kind {
	case kindConfirmed:
		r.lapse.confirmed(rec.Seq)
	case kindStarted:
		h.started, h.main = true, int(rec.Value)
	case kindFailed:
		h.failed = syscall.Errno(rec.Value)
	case kindExited:
		h.exited, h.exit = true, syscall.WaitStatus(rec.Value)
	case kindStopping:
		h.stopping = true
	case kindEmpty:
		h.empty = true
		r.lapse.stop()
	default: // no status
	}
}

func (r *run) reportBroken(err error) {
	r.mu.Lock()
	first := !r.brokenSaid
	r.brokenSaid = true
	r.mu.Unlock()
	if !first {
		return
	}
	r.lapse.stop()
	select {
	case r.w.broken <- err:
	default: // cannot be: once per start, and Start empties it
	}
	r.terminateDirectly() // if that had been asked for and perhaps never arrived
}

// ended puts together what there is to say about the command's end.
func (r *run) ended() gate.Ended {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.heard
	switch {
	case h.failed != 0:
		return gate.Ended{Code: codeOfStart(h.failed), Err: startError(r.w.command.Path, h.failed)}
	case !h.started:
		return gate.Ended{Code: exitNotExecutable, Err: errors.New("the guard died before it had started the command")}
	case !h.exited:
		return gate.Ended{Code: exitSignal + int(unix.SIGKILL)} // died with its guard
	default:
		return gate.Ended{Code: codeOf(h.exit), Unasked: !r.asked && !h.stopping && !r.guardDead}
	}
}

func startError(path string, errno syscall.Errno) error {
	switch errno {
	case syscall.ETIME:
		return errLate
	case syscall.ECANCELED:
		return errors.New("told to stop before the command was started")
	default:
		return fmt.Errorf("start %s: %w", strconv.Quote(path), errno)
	}
}
