//go:build linux

package twin

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// idle is a hand that has nothing to do.
type idle struct{}

func (idle) Warn(string) error           { return nil }
func (idle) Signal(syscall.Signal) error { return nil }
func (idle) None() error                 { return nil }

// newGate gives a twin the pipes of a gate that it has started; tell is what that gate says.
func newGate(t *testing.T, tw *twin) (tell func(news)) {
	t.Helper()
	var down, up [2]int
	for _, p := range [][]int{down[:], up[:]} {
		if err := unix.Pipe2(p, unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeAll(p...) })
	}
	tw.news, tw.confirm, tw.gate = lines{fd: up[0]}, down[1], 1
	return func(n news) {
		t.Helper()
		if err := send(up[1], n); err != nil {
			t.Fatal(err)
		}
	}
}

// A gate that has crashed is followed by one that says first that nothing may run, for it does not know yet what does.
// Should it be killed, frozen or hang at that, the deadline of the one before it counts, and what it had begun to stop.
func TestDeadlineOutlivesAGateThatHasJustBegun(t *testing.T) {
	const deadline = 10 * time.Second
	plan := Plan{Sentinel: "/lost", Scan: 100 * time.Millisecond, KillAfter: time.Second, Budget: 2 * time.Second}
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
