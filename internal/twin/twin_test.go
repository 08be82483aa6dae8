//go:build linux

package twin

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// otherTimeName makes the test binary a twin whose gate would have another clock.
const otherTimeName = "__othertime"

func init() { //nolint:gochecknoinits // only here are we sure to be on the main thread, whose namespaces /proc/self shows
	if len(os.Args) > 1 && os.Args[1] == otherTimeName {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == otherTimeName: // unshare --time without --fork, on kernels where execve stays in the old namespace
		if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
			fmt.Println("no time namespace:", err)
			os.Exit(0)
		}
		os.Exit(Main(nil, nil))
	case len(os.Args) > 1 && os.Args[1] == Name: // its gate
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Deadlines are told the twin by a clock: where the gate's would be another one, nothing is begun, and it is said why.
func TestTwinWithAnotherClockIsRefused(t *testing.T) {
	cmd := exec.Command(os.Args[0], otherTimeName)
	out, err := cmd.CombinedOutput()
	if said := string(out); strings.HasPrefix(said, "no time namespace") {
		t.Skip("not shown here: " + said)
	} else if code := cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(said, "different time namespaces") {
		t.Errorf("%v: %s", err, said)
	}
}

// idle is a hand that has nothing to do.
type idle struct{ left error }

func (idle) Warn(string) error           { return nil }
func (idle) Signal(syscall.Signal) error { return nil }
func (h idle) None() error               { return h.left }

// newGate gives a twin the pipes of a gate that it has started; tell is what that gate says.
func newGate(t *testing.T, tw *twin) (tell func(news)) {
	t.Helper()
	var down, up [2]int
	for _, p := range [][]int{down[:], up[:]} {
		must.Do(t, unix.Pipe2(p, unix.O_CLOEXEC|unix.O_NONBLOCK))
		t.Cleanup(func() { closeAll(p...) })
	}
	tw.news, tw.confirm, tw.gate = lines{fd: up[0]}, down[1], 1
	return func(n news) {
		t.Helper()
		must.Do(t, send(up[1], n))
	}
}

// A gate that has crashed is followed by one that says first that nothing may run, for it does not know yet what does.
// Should it be killed, frozen or hang at that, the deadline of the one before it counts, and what it had begun to stop.
func TestDeadlineOutlivesAGateThatHasJustBegun(t *testing.T) {
	const deadline = 10 * time.Second
	plan := Plan{Sentinels: []string{"/lost"}, Scan: 100 * time.Millisecond, KillAfter: time.Second, Budget: 2 * time.Second}
	for _, was := range []stage{held, stopping} {
		tw := &twin{newHand: func(Plan) (Hand, error) { return idle{}, nil }}
		tell := newGate(t, tw)
		tell(news{Seq: 1, Plan: &plan, Stage: shut})
		tell(news{Seq: 2, Stage: was, At: deadline})
		tw.listen(time.Second)
		if why, _ := tw.judge(deadline + plan.KillAfter + silence); why == "" {
			t.Fatalf("%s: nothing was to be done at the deadline", was)
		}

		tell = newGate(t, tw)
		tell(news{Seq: 1, Plan: &plan, Stage: shut})
		tw.listen(2 * time.Second)
		if why, _ := tw.judge(deadline + plan.KillAfter + silence); why == "" {
			t.Errorf("%s: forgotten when the next gate had begun, and nobody stops the workload", was)
		}

		// What it says when it has looked counts.
		tell(news{Seq: 2, Stage: shut})
		tw.listen(3 * time.Second)
		if why, _ := tw.judge(deadline + plan.KillAfter + silence); why != "" {
			t.Errorf("%s: the next gate has seen to it, and still: %s", was, why)
		}
	}
}

const (
	killed      = syscall.WaitStatus(syscall.SIGKILL)
	cannotBegin = syscall.WaitStatus(71 << 8) // a full disk
)

// newHeld is a twin whose gate says that its workload is at a stage, until ten seconds, and has then ended.
func newHeld(t *testing.T, plan Plan, is stage, status syscall.WaitStatus, left error) *twin {
	t.Helper()
	tw := &twin{newHand: func(Plan) (Hand, error) { return idle{left}, nil }, began: time.Second, wait: calm} // nothing is started here
	tell := newGate(t, tw)
	tell(news{Seq: 1, Plan: &plan, Stage: shut})
	tell(news{Seq: 2, Stage: is, At: 10 * time.Second})
	tw.listen(time.Second)
	tw.gate, tw.ended = 0, &proctree.Exit{PID: 1, Status: unix.WaitStatus(status)}
	return tw
}

// What runs under the lock has a deadline, however the gate ends that knew it: the container does not end before, for the
// kubelet may begin the next one minutes later, or, where the pod is to end, never.
func TestNoEndBeforeTheDeadline(t *testing.T) {
	lives := errors.New("process 7 lives")
	plan := Plan{Scan: 100 * time.Millisecond, KillAfter: time.Second, Budget: 2 * time.Second, Stops: proctree.Signals(syscall.SIGTERM)}
	for name, test := range map[string]struct {
		is     stage
		tells  bool // by a sentinel alone, and does not kill
		asked  bool
		status syscall.WaitStatus
		left   error
		want   int // the code with which the container ends at once; -1: it does not
	}{
		"killed":                                          {held, false, false, killed, lives, -1},
		"the next one cannot begin":                       {held, false, false, cannotBegin, lives, -1},
		"nor go on with a loss":                           {stopping, false, false, cannotBegin, lives, -1},
		"told to end, and killed":                         {held, false, true, killed, lives, -1},
		"told to end, and killed in the middle":           {stopping, false, true, killed, lives, -1},
		"told to end, and killed where nothing runs":      {held, false, true, killed, nil, 137},
		"told to end, and killed where nothing may":       {shut, false, true, killed, lives, 137},
		"told to end before it has looked":                {held, false, true, 0, lives, -1},
		"it cannot begin, and nothing may run":            {shut, false, false, cannotBegin, lives, 71},
		"it has lost":                                     {stopping, false, false, ExitLost << 8, lives, ExitLost},
		"it has given the lock back":                      {shut, false, true, 0, nil, 0},
		"told to end in the middle, the sentinel written": {stopping, true, true, 0, lives, 0},
		"told to end in the middle, and killed":           {stopping, true, true, killed, lives, -1},
		"told to end before it has looked, to tell":       {held, true, true, 0, lives, -1},
	} {
		plan.Kill = !test.tells
		tw := newHeld(t, plan, test.is, test.status, test.left)
		tw.asked = test.asked
		code, over := tw.step(2 * time.Second)
		if !over {
			code = -1
		}
		if code != test.want {
			t.Errorf("%s: ends with %d, want %d", name, code, test.want)
		}
		if test.want >= 0 {
			continue
		}
		if begins := tw.again != 0; begins == test.asked {
			t.Errorf("%s: it is started again: %v", name, begins)
		}
		if why, _ := tw.judge(10*time.Second + plan.KillAfter + silence); why == "" {
			t.Errorf("%s: nothing is done at the deadline", name)
		}
	}
}

// Told to end while the next gate is waited for, the container ends; other signals tell it nothing.
func TestAskedWhileThereIsNoGate(t *testing.T) {
	for sig, ends := range map[syscall.Signal]bool{syscall.SIGTERM: true, syscall.SIGWINCH: false} {
		tw := newHeld(t, Plan{KillAfter: time.Second, Budget: 2 * time.Second, Stops: proctree.Signals(syscall.SIGTERM)}, shut, killed, nil)
		if code, over := tw.step(2 * time.Second); over {
			t.Fatalf("ends with %d", code)
		}
		tw.pass(sig)
		if code, over := tw.step(3 * time.Second); over != ends || over && code != 137 {
			t.Errorf("%v: ends: %v, with %d", sig, over, code)
		}
	}
}
