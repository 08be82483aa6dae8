package gate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// judge follows a machine from outside and knows nothing of it but what was promised.
type judge struct {
	budget Budget
	m      *machine
	now    time.Duration

	deadline time.Duration // of the present lease
	open     bool          // Open was said, Shut was not
	runs     bool          // Open was said, and there was no evidence since
	lost     bool          // of the present lease
	lostAt   time.Duration
	warned   bool // the sentinel has been written
	did      map[ActionKind]bool
	well     bool // the workload ended well while the gate was open
	asked    bool // the lock is being waited for
	leased   bool // a lease was obtained and not finished
	ended    bool
}

// step gives the machine an event and complains of anything that breaks a promise.
func (j *judge) step(now time.Duration, e event) error {
	if now < j.now {
		panic("time runs forwards")
	}
	j.now = now
	wasOpen := j.open
	if e.Kind == onAcquired {
		j.leased = true
	}
	if e.Kind == onAcquired || e.Kind == onRefused {
		j.asked = false
	}
	if j.open && now >= j.deadline {
		j.lose(j.deadline)
	} else if j.open && (e.Kind == onLeaseLost || e.Kind == onBroken) {
		j.lose(now)
	}
	killDue := j.lost && j.runs && now >= j.lostAt+j.budget.KillAfter
	if e.Kind == onWarned && j.lost {
		j.warned = true
	}
	if e.Kind == onGone && j.runs {
		j.runs = false
		j.well = !j.lost && e.Ended == Ended{Unasked: true}
	}
	if e.Kind == onRenewed && wasOpen && !j.lost {
		j.deadline = max(j.deadline, e.Deadline)
	}
	for _, a := range j.m.Step(now, e) {
		if err := j.act(a, e); err != nil {
			return fmt.Errorf("%v at %v: %w", e.Kind, now, err)
		}
	}
	switch at, due := j.m.Wake(); {
	case wasOpen && !j.open && j.m.IsOpen(now), j.m.IsOpen(now) != (j.open && now < j.deadline):
		return fmt.Errorf("%v at %v: open %v, deadline %v", e.Kind, now, j.m.IsOpen(now), j.deadline)
	case j.lost && j.open:
		return fmt.Errorf("%v at %v: lost and not shut", e.Kind, now)
	case killDue && !j.did[Kill]:
		return fmt.Errorf("%v at %v: no SIGKILL, lost at %v", e.Kind, now, j.lostAt)
	case j.open && (!due || at != j.deadline):
		return fmt.Errorf("%v at %v: wakes at %v (%v), want the deadline %v", e.Kind, now, at, due, j.deadline)
	case j.lost && j.runs && !j.did[Kill] && (!due || at > j.lostAt+j.budget.KillAfter):
		return fmt.Errorf("%v at %v: wakes at %v (%v), lost at %v", e.Kind, now, at, due, j.lostAt)
	}
	return nil
}

func (j *judge) lose(at time.Duration) { j.lost, j.lostAt = true, at }

// order is that of the actions under one lease.
var order = map[ActionKind]int{Open: 0, Extend: 1, Shut: 2, Warn: 3, Terminate: 4, Kill: 5, Finish: 6, Wait: 7, Exit: 7}

func (j *judge) act(a action, e event) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%v: "+format, append([]any{a.Kind}, args...)...)
	}
	for k := range j.did {
		if order[k] > order[a.Kind] && a.Kind != Open {
			return bad("comes after %v", k)
		}
	}
	if j.did[a.Kind] && a.Kind != Extend {
		return bad("a second time")
	}
	if j.ended {
		return bad("after the end")
	}
	switch a.Kind {
	case Open:
		if e.Kind != onAcquired || j.runs || j.lost || j.now >= e.Deadline {
			return bad("runs %v, lost %v", j.runs, j.lost)
		}
		j.did = map[ActionKind]bool{}
		j.open, j.runs, j.deadline, j.warned, j.well = true, true, e.Deadline, false, false
	case Extend:
		if !j.open {
			return bad("of what is not open")
		}
	case Shut:
		j.open = false
	case Warn:
		if !j.lost {
			return bad("not lost")
		}
	case Terminate:
		if !j.lost || !j.warned && j.now < j.lostAt+j.budget.KillAfter/4 || j.now >= j.lostAt+j.budget.KillAfter {
			return bad("at %v, lost at %v, warned %v", j.now, j.lostAt, j.warned)
		}
	case Kill:
		if !j.lost || j.now < j.lostAt+j.budget.KillAfter {
			return bad("at %v, lost at %v", j.now, j.lostAt)
		}
	case Finish:
		switch {
		case j.runs:
			return bad("without evidence")
		case !j.leased:
			return bad("of no lease")
		case (a.Outcome == Succeeded) != j.well:
			return bad("outcome %v, ended well %v", a.Outcome, j.well)
		}
		j.leased = false
	case Wait:
		if j.runs || j.leased {
			return bad("runs %v, leased %v", j.runs, j.leased)
		}
		j.asked, j.lost, j.did = true, false, map[ActionKind]bool{}
		return nil
	case Exit:
		if j.runs || j.leased {
			return bad("runs %v, leased %v", j.runs, j.leased)
		}
		j.ended = true
	}
	j.did[a.Kind] = true
	return nil
}

func newJudge(budget Budget, reacquire bool) *judge {
	return &judge{budget: budget, m: newMachine(budget, reacquire), asked: true, did: map[ActionKind]bool{}}
}

// next draws an event at the same time or later. A lease arrives only where one is waited for; everything else may come at any time.
func (j *judge) next(draw func(n int) int) (time.Duration, event) {
	now := j.now
	switch at, due := j.m.Wake(); {
	case due && draw(3) == 0:
		now = max(now, at) // exactly when it asked for
	case draw(8) == 0:
		now += time.Duration(draw(60_000)) * time.Millisecond // asleep
	default:
		now += time.Duration(draw(1500)) * time.Millisecond
	}
	e := event{Kind: eventKind(draw(int(onFinished) + 1)), Reason: errors.New("drawn")}
	switch e.Kind {
	case onAcquired:
		if !j.asked {
			e.Kind = onTick
		}
		e.Deadline = now + time.Duration(draw(30_000)-3000)*time.Millisecond
	case onRefused:
		if j.asked && draw(10) > 0 { // it would be the end too soon
			e.Kind = onTick
		}
	case onRenewed:
		e.Deadline = now + time.Duration(draw(30_000)-3000)*time.Millisecond
	case onGone:
		if draw(2) == 0 {
			e.Ended = Ended{Unasked: draw(2) == 0, Code: draw(2)}
		} else {
			e.Kind = onTick
		}
	}
	return now, e
}

func TestPromisesHoldForRandomEvents(t *testing.T) {
	var opens, losses, kills, waits int
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		j := newJudge(Budget{Kill: 6 * time.Second, KillAfter: time.Duration(r.IntN(4500)) * time.Millisecond}, r.IntN(4) > 0)
		for range 120 {
			now, e := j.next(r.IntN)
			before := len(j.did)
			if err := j.step(now, e); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if len(j.did) != before {
				opens += count(j.open && e.Kind == onAcquired)
				losses += count(j.did[Warn] && !j.did[Terminate] && !j.did[Kill])
				kills += count(j.did[Kill])
			}
			waits += count(j.m.State() == Waiting && e.Kind == onFinished)
			if j.ended {
				break
			}
		}
	}
	t.Logf("%d opened, %d lost, %d with SIGKILL, %d waits again", opens, losses, kills, waits)
	for what, n := range map[string]int{"opened": opens, "lost": losses, "killed": kills, "waited again": waits} {
		if n < 500 {
			t.Errorf("%s %d times only: the events prove little", what, n)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// FuzzStep lets the fuzzer draw the events.
func FuzzStep(f *testing.F) {
	for seed := range uint64(8) {
		b := make([]byte, 200)
		r := rand.New(rand.NewPCG(seed, 2))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(seed%2 == 0, uint16(r.Uint32N(4500)), b)
	}
	f.Fuzz(func(t *testing.T, reacquire bool, killAfter uint16, b []byte) {
		budget := Budget{Kill: 6 * time.Second, KillAfter: time.Duration(killAfter%4500) * time.Millisecond}
		j := newJudge(budget, reacquire)
		draw := func(n int) int {
			if len(b) == 0 {
				return 0
			}
			v := int(b[0])
			if b = b[1:]; n > 256 && len(b) > 0 {
				v = v<<8 | int(b[0])
				b = b[1:]
			}
			return v % n
		}
		for len(b) > 0 && !j.ended {
			now, e := j.next(draw)
			must.Do(t, j.step(now, e))
		}
	})
}
