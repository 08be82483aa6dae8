//go:build linux

package twin

import (
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
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
