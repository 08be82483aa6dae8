//go:build linux

package twin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Name is the hidden subcommand of the gate that a twin has started: what follows it are the gate's own arguments.
const Name = "__gate"

// Why nothing was begun.
const (
	exitUsage   = 64 // started in a way in which no deadline can be told
	exitMachine = 71 // this machine lacks something
)

// ExitLost is what a container ends with whose gate had to be replaced.
const ExitLost = 88

const (
	// look is how often the twin looks at the clock; news wake it.
	look = 500 * time.Millisecond
	// silence is how long a gate that stops its workload, or lets none run, may say nothing: three beats and a bit.
	silence = 3*beat + beat/2
	// starting is what a gate may need until it has said something, more than that.
	starting = 10 * time.Second
	// calm is how long a gate has to live before the one after it is started at once again.
	calm = time.Minute
)

// twin is the container's first process.
type twin struct {
	args    []string
	newHand func(Plan) (Hand, error)
	clock   gate.Clock
	last    *lasttimer.Timer

	wake    chan struct{}
	gate    int // its process id; zero while there is none
	news    lines
	confirm int
	ended   *proctree.Exit

	plan  *Plan
	hand  Hand
	stage stage
	at    time.Duration
	heard time.Duration // when there was news last

	armed    time.Duration // what the kernel timers are set for
	armedFor stage

	asked   bool // to end
	code    int  // how the gate ended last
	began   time.Duration
	again   time.Duration // when the gate is started again; zero where it lives
	wait    time.Duration
	grumble string
	said    chan struct{} // closed when what was said last is written
}

// Main is the first process of a sidecar, from its arguments to its exit code.
func Main(args []string, newHand func(Plan) (Hand, error)) int {
	// The gate has the death of the thread that has started it as its own: this one, which ends with the process.
	runtime.LockOSThread()
	debug.SetGCPercent(20)
	t := &twin{args: args, newHand: newHand, clock: gate.BootClock(), wake: make(chan struct{}, 1)}
	defer t.flush()
	if err := proctree.HideMemory(); err != nil {
		t.complain(err)
	}
	if err := proctree.CheckTime(); err != nil { // the gate's deadlines would be of another clock
		t.complain(err)
		return exitUsage
	}
	all, err := guard.Signals()
	if err != nil {
		t.complain(err)
		return exitMachine
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, append(all, unix.SIGCHLD)...)
	t.last, _ = lasttimer.New()
	if err := t.begin(); err != nil {
		t.complain(err)
		return exitMachine
	}
	for {
		if code, over := t.step(t.clock.Now()); over {
			return code
		}
		select {
		case sig := <-signals:
			t.pass(sig)
		case <-t.wake:
		case <-time.After(t.rest(t.clock.Now())):
		}
	}
}

// rest is how long the twin may sleep. News, signals and the end of the gate wake it.
func (t *twin) rest(now time.Duration) time.Duration {
	longest, due := 4*look, now+4*look
	switch {
	case t.again != 0:
		longest = look
	case t.plan == nil: // nothing is to be done yet
	case t.stage == held:
		due = t.at + t.slack()
	case t.stage == stopping:
		longest, due = look, t.at+t.slack()
	case t.plan.Kill && t.gate != 0:
		due = t.heard + silence
	case t.plan.Kill:
		longest = look
	}
	if due <= now {
		return look
	}
	return min(longest, due-now)
}

// listenTo wakes the twin when there is news, and ends with who writes it.
func (t *twin) listenTo(fd int) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return // what is there is read at every look
	}
	go func() {
		defer unix.Close(own)
		for {
			p := []unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}} //nolint:gosec // a descriptor
			if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) || p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
				return
			}
			select {
			case t.wake <- struct{}{}:
			default:
			}
			time.Sleep(2 * time.Millisecond) // meanwhile it is read
		}
	}()
}

// pass hands a signal on to the gate.
func (t *twin) pass(sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	if !ok || number == unix.SIGCHLD {
		return
	}
	if number == unix.SIGTSTP || number == unix.SIGCONT { // of a terminal, where a stopped gate would lose its lock; of our own timers
		return
	}
	t.asked = t.asked || t.plan == nil || t.plan.Stops.Has(number)
	if t.gate != 0 {
		_ = unix.Kill(t.gate, number) // our child, not yet reaped: the id is its own
	}
}

// begin starts the gate.
func (t *twin) begin() error {
	var down, up [2]int
	if err := unix.Pipe2(down[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	if err := unix.Pipe2(up[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		closeAll(down[:]...)
		return fmt.Errorf("make a pipe: %w", err)
	}
	if t.began != 0 {
		closeAll(t.news.fd, t.confirm)
	}
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0], Name}, t.args...), &syscall.ProcAttr{ //nolint:gosec // ourselves, once more
		Env: os.Environ(), Files: []uintptr{0, 1, 2, uintptr(up[1]), uintptr(down[0])},
		// A group of its own: a ^C comes by way of us, once.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	closeAll(up[1], down[0])
	t.news, t.confirm = lines{fd: up[0]}, down[1]
	t.began = t.clock.Now()
	if err != nil {
		return fmt.Errorf("start the gate: %w", err)
	}
	t.listenTo(up[0])
	t.gate, t.ended, t.again = pid, nil, 0
	t.heard = t.began + starting
	return nil
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// step reads, looks and acts. What was said before this instant is read before the instant is judged, wherever in between we are frozen.
func (t *twin) step(now time.Duration) (code int, over bool) {
	t.listen(now)
	t.reap()
	if t.ended != nil {
		if code, over := t.gateEnded(now); over {
			return code, true
		}
	}
	if t.plan != nil {
		if t.asked && t.gate == 0 && t.nothingRuns() {
			return t.code, true
		}
		if why, from := t.judge(now); why != "" {
			return t.takeOver(why, from), true
		}
		t.keepAwake()
	}
	if t.again != 0 && now >= t.again && !t.asked {
		if err := t.begin(); err != nil {
			t.complain(err)
			t.again = now + t.wait
		}
	}
	return 0, false
}

// listen takes the newest, and confirms it.
func (t *twin) listen(now time.Duration) {
	all, _ := t.news.drain() // the end of the file is the end of the gate, which is seen otherwise
	var newest uint64
	for _, line := range all {
		var n news
		if err := json.Unmarshal(line, &n); err != nil {
			continue
		}
		if n.Plan != nil {
			t.arm(*n.Plan)
		}
		newest, t.heard = n.Seq, now
		if n.Plan != nil && n.Stage == shut && (t.stage == held || t.stage == stopping) {
			continue // the first that a gate says: it has not looked yet at what runs since the one before it
		}
		t.stage, t.at = n.Stage, n.At
	}
	if newest > 0 && t.plan != nil {
		_ = send(t.confirm, confirmation{Seq: newest})
	}
}

func (t *twin) arm(p Plan) {
	h, err := t.newHand(p)
	if err != nil {
		t.complain(err)
		return // not confirmed
	}
	t.plan, t.hand = &p, h
}

// slack is what a healthy gate may be late, on a busy machine.
func (t *twin) slack() time.Duration { return t.plan.KillAfter / 8 }

// judge says why the gate has to be replaced, and from when the kill budget counts; "" where it has not.
func (t *twin) judge(now time.Duration) (why string, from time.Duration) {
	silent := now-t.heard > silence
	switch t.stage {
	case held:
		// Every way of a gate to go on at its deadline is by news.
		if now >= t.at+t.slack() {
			return "the deadline has passed, and the gate is dead, frozen or hangs", t.at
		}
	case stopping:
		if silent && now >= t.at+t.slack() || t.plan.Leave && now >= t.at+t.plan.Budget {
			return "the gate is dead, frozen or hangs in the middle of a loss", t.at - t.plan.KillAfter
		}
		if now >= t.at+t.slack() && t.plan.Kill {
			t.complain(t.hand.Signal(syscall.SIGKILL)) // once more, should it have stopped short
		}
	case shut:
		if !t.plan.Kill {
			break // nothing is left to be done
		}
		if t.gate == 0 { // until there is one again
			t.complain(t.hand.Signal(syscall.SIGKILL))
		} else if silent {
			return "the gate is frozen or hangs, and the lock is not held", now - t.plan.Budget
		}
	}
	return "", 0
}

// takeOver does what the protection says, in the place of a gate that cannot.
func (t *twin) takeOver(why string, from time.Duration) int {
	t.say(why + ": it is ended, and its twin does what the protection says")
	if t.gate != 0 { // first: nobody is to open it again
		_ = unix.Kill(t.gate, unix.SIGKILL)
	}
	t.carryOut(why, from)
	for end := t.clock.Now() + time.Second; t.gate != 0 && t.clock.Now() < end; {
		t.pause(5 * time.Millisecond)
	}
	return cmp.Or(t.plan.Code, ExitLost)
}

// gateEnded decides what the end of the gate is to mean. One that has ended by itself has seen to the workload; but not one that could not even
// begin (a full disk, settings that are wrong by now) while what ran under the gate before it may still run.
func (t *twin) gateEnded(now time.Duration) (code int, over bool) {
	status := t.ended.Status
	crashed := status.Signaled() || status.Exited() && status.ExitStatus() == 2 // of Go's runtime
	t.ended, t.code = nil, status.ExitStatus()
	if status.Signaled() {
		t.code = 128 + int(status.Signal())
	}
	if t.plan == nil || t.plan.Leave || !crashed && (t.code == ExitLost || !t.mayRun()) {
		return t.code, true
	}
	if t.asked && !crashed && t.stage == stopping && !t.plan.Kill { // the sentinel was all there was to do
		return t.code, true
	}
	if t.asked { // nothing opens any more: what runs has until its deadline
		t.say(fmt.Sprintf("the gate has ended (%d) while its workload runs: its twin stops the workload at the deadline", t.code))
		return 0, false
	}
	if now-t.began >= calm {
		t.wait = 0
	}
	t.again = now + t.wait
	t.wait = min(max(2*t.wait, beat), 10*beat)
	t.say(fmt.Sprintf("the gate has crashed (%d): its twin restarts it, and stops the workload at the deadline if that fails", t.code))
	return 0, false
}

// mayRun is true while there is a deadline that somebody has to keep.
func (t *twin) mayRun() bool { return t.stage == held || t.stage == stopping }

// nothingRuns is true where the end of the container leaves nothing behind that has a deadline.
func (t *twin) nothingRuns() bool { return !t.mayRun() || t.plan.Kill && t.hand.None() == nil }

// keepAwake has the kernel wake a twin that was stopped, and end one that does not act.
func (t *twin) keepAwake() {
	if t.last == nil || t.armed == t.at && t.armedFor == t.stage {
		return
	}
	t.armed, t.armedFor = t.at, t.stage
	from := t.at + t.slack() // not sooner than the gate would be late: it is woken by its own
	switch t.stage {
	case held:
		_ = t.last.Set(from, t.at+t.plan.KillAfter+(t.plan.Budget-t.plan.KillAfter)/4)
	case stopping:
		_ = t.last.Wake(from, t.at+t.plan.Budget)
	case shut:
		_ = t.last.Disarm()
	}
}

func (t *twin) reap() {
	exits, _, err := proctree.Reap()
	if err != nil {
		t.complain(err)
	}
	for _, e := range exits {
		if e.PID == t.gate {
			t.listen(t.clock.Now())
			t.gate, t.ended = 0, &e
		}
	}
}

// say tells those who read standard error. The write may block as long as it likes; it ends with the process.
func (t *twin) say(what string) {
	said := make(chan struct{})
	t.said = said
	go func() {
		defer close(said)
		fmt.Fprintf(os.Stderr, "mongogate twin %d: %s\n", os.Getpid(), what)
	}()
}

// flush leaves the last word, which says why the container ends, a moment to be written.
func (t *twin) flush() {
	if t.said == nil {
		return
	}
	select {
	case <-t.said:
	case <-time.After(look):
	}
}

// complain says an error, once until it is another.
func (t *twin) complain(err error) {
	if err == nil || err.Error() == t.grumble {
		return
	}
	t.grumble = err.Error()
	t.say(t.grumble)
}
