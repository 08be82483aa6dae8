package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

func reacquire(c *gate.Config) { c.Reacquire = true }

func deaf(c *gate.Config) { c.Lock.(*fakeLock).deaf = true }

func slow(c *gate.Config) { c.Workload.(*fakeWorkload).slow = time.Millisecond }

func TestRunsWhileHeldAndRenewed(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.is(gate.Waiting, false)
		l := b.grant(7, 10*time.Second)
		b.is(gate.Held, true)
		b.after(4 * time.Second)
		l.renew(14 * time.Second)
		b.after(9999 * time.Millisecond)
		b.is(gate.Held, true)
		if _, g := b.gate.State(); g != (gate.Grant{Key: "k", Token: 7, Deadline: 14 * time.Second}) {
			t.Errorf("the grant is %+v", g)
		}
		b.work.end(gate.Ended{Unasked: true})
		r := b.ends()
		if !r.Started || r.Lost != nil || r.Finish != nil || r.Ended.Code != 0 {
			t.Errorf("the result is %+v", r)
		}
		l.endedWith(t, gate.Succeeded)
		b.is(gate.Released, false)
		b.did("0s start 7 until 10s", "4s extend 14s", "13.999s gone")
	})
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		ended gate.Ended
		want  gate.Outcome
	}{
		"success":       {gate.Ended{Unasked: true}, gate.Succeeded},
		"failure":       {gate.Ended{Code: 3, Unasked: true}, gate.Failed},
		"told to stop":  {gate.Ended{Code: 0, Unasked: false}, gate.Failed},
		"never started": {gate.Ended{Unasked: true, Err: errors.New("no such file")}, gate.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, 1, nil, func(b *bench) {
				l := b.grant(1, 10*time.Second)
				b.work.end(c.ended)
				if r := b.ends(); r.Ended != c.ended {
					t.Errorf("ended %+v, want %+v", r.Ended, c.ended)
				}
				l.endedWith(t, c.want)
			})
		})
	}
}

// The deadline passes while a renewal hangs in the store: nobody renews, and
// nothing that hangs keeps the gate from shutting.
func TestDeadlineShutsInOrder(t *testing.T) {
	for _, rate := range []float64{1, 1.005, 0.995} {
		exact := func(d time.Duration) time.Duration { return time.Duration(float64(d) / rate) }
		onBench(t, rate, nil, func(b *bench) {
			b.work.onTerm = -1
			l := b.grant(1, 10*time.Second)
			b.after(exact(10*time.Second) - time.Millisecond)
			b.is(gate.Held, true)
			b.after(time.Millisecond + 2*time.Nanosecond)
			if b.gate.Open() {
				t.Errorf("rate %v: open at %v", rate, b.clock.Now())
			}
			b.after(10 * time.Millisecond) // the gate's timers have not the clock's rate
			b.is(gate.Lost, false)
			r := b.ends()
			if late := time.Since(b.clock.start) - exact(13*time.Second); late < 0 || late > 10*time.Millisecond {
				t.Errorf("rate %v: gone %v after its time", rate, late)
			}
			if !errors.Is(r.Lost, gate.ErrDeadline) || r.Ended.Code != 137 {
				t.Errorf("the result is %+v", r)
			}
			l.endedWith(t, gate.Failed)
			if rate == 1 {
				b.did("0s start 1 until 10s", "10s warn: "+r.Lost.Error(), "10s terminate", "13s kill", "13s gone")
			}
		})
	}
}

// Readiness is false before the sentinel is written, and that before any signal.
func TestOrderIsObserved(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.work.sentinel, b.work.onTerm = 500*time.Millisecond, -1
		var openWhenFinished bool
		l := newLease(1, 10*time.Second)
		l.at = func() { openWhenFinished = b.gate.Open() || b.work.runs > 0 }
		b.answer(answer{lease: l})
		l.lose("taken")
		b.ends()
		var kinds []string
		for _, c := range b.changes {
			kinds = append(kinds, c.Action.String())
		}
		if got, want := strings.Join(kinds, " "), "wait open shut warn terminate kill finish exit"; got != want {
			t.Errorf("observed %q, want %q", got, want)
		}
		if s := b.changes[2]; s.State != gate.Lost || s.Reason.Error() != "taken" {
			t.Errorf("the loss was told as %+v", s)
		}
		if openWhenFinished {
			t.Error("open, or the workload ran, when the lease was given back")
		}
		b.did("0s start 1 until 10s", "0s warn: taken", "500ms terminate", "3s kill", "3s gone")
	})
}

// A sentinel that cannot be written holds SIGTERM back for a quarter of the time to SIGKILL, not longer.
func TestSentinelThatHangs(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.work.sentinel, b.work.onTerm = time.Minute, -1
		b.grant(1, 10*time.Second).lose("taken")
		b.ends()
		b.did("0s start 1 until 10s", "0s warn: taken", "750ms terminate", "3s kill", "3s gone")
	})
}

// Whoever sleeps through SIGTERM's time goes straight to SIGKILL.
func TestSleeperKills(t *testing.T) {
	clock := &jumpingClock{}
	onBench(t, 1, func(c *gate.Config) {
		clock.Clock = c.Clock
		c.Clock = clock
	}, func(b *bench) {
		b.grant(1, 10*time.Second)
		b.after(1500 * time.Millisecond)
		clock.jump(time.Minute) // suspended: timers stood still
		r := b.ends()
		b.did("0s start 1 until 10s", "2s warn: "+r.Lost.Error(), "2s kill", "2s gone")
	})
}

func TestReacquiresOnlyWhenGone(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		b.work.onTerm, b.work.onKill = -1, 20*time.Second // longer than its budget
		first := b.grant(1, 10*time.Second)
		b.after(time.Second)
		first.lose("taken")
		b.after(20 * time.Second)
		b.is(gate.Lost, false)
		if len(first.outcomes()) > 0 {
			t.Error("finished while the workload ran")
		}
		second := b.grant(2, 10*time.Second) // taken only once the gate waits again
		b.is(gate.Held, true)
		b.work.end(gate.Ended{Unasked: true})
		if r := b.ends(); r.Lost != nil || !r.Started {
			t.Errorf("the result is %+v", r)
		}
		second.endedWith(t, gate.Succeeded)
		b.did("0s start 1 until 10s", "1s warn: taken", "1s terminate", "4s kill", "24s gone", "24s start 2 until 31s", "24s gone")
	})
}

func TestWorkloadThatNeverDies(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		b.work.onTerm, b.work.onKill = -1, -1
		l := b.grant(1, 10*time.Second)
		b.after(24 * time.Hour)
		b.is(gate.Lost, false)
		b.stop()
		b.after(24 * time.Hour)
		if len(l.outcomes()) > 0 || !b.runs() {
			t.Errorf("finished %v, runs %v: want neither an end nor a release without evidence", l.outcomes(), b.runs())
		}
		b.work.end(gate.Ended{Code: 137})
		b.ends()
	})
}

func TestStopWhileWaiting(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		b.after(time.Minute)
		b.stop()
		if r := b.ends(); !errors.Is(r.Acquire, context.Canceled) || r.Started {
			t.Errorf("the result is %+v", r)
		}
		b.did()
	})
}

// A lease that is obtained although the gate has been asked to stop starts nothing and is released.
func TestLeaseThatArrivesAnyway(t *testing.T) {
	onBench(t, 1, deaf, func(b *bench) {
		l := newLease(1, 10*time.Second)
		b.stop()
		b.answer(answer{lease: l})
		if r := b.ends(); r.Started {
			t.Errorf("the result is %+v", r)
		}
		l.endedWith(t, gate.Unbegun)
		b.did()
	})
}

// Both are ready when the gate looks: select draws one of them, and whoever asked must come first.
func TestStopAndLeaseInOneMoment(t *testing.T) {
	for range 30 {
		onBench(t, 1, slow, func(b *bench) {
			time.Sleep(500 * time.Microsecond)
			l := newLease(1, 10*time.Second)
			b.answer(answer{lease: l})
			b.stop()
			if r := b.ends(); r.Started {
				t.Errorf("the result is %+v", r)
			}
			l.endedWith(t, gate.Unbegun)
		})
	}
}

// Asked to stop, a gate whose workload runs renews until it has ended, and does not wait again.
func TestStopWhileHeld(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		l := b.grant(1, 10*time.Second)
		b.stop()
		for i := range 10 {
			b.after(5 * time.Second)
			l.renew(time.Duration(i+1)*5*time.Second + 10*time.Second)
		}
		b.after(time.Second)
		b.is(gate.Held, true)
		b.work.end(gate.Ended{Code: 143})
		if r := b.ends(); r.Lost != nil {
			t.Errorf("the result is %+v", r)
		}
		l.endedWith(t, gate.Failed)
	})
}

func TestStopWhileLost(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		b.grant(1, 10*time.Second).lose("taken")
		b.stop()
		if r := b.ends(); fmt.Sprint(r.Lost) != "taken" || r.Acquire != nil {
			t.Errorf("the result is %+v", r)
		}
	})
}

// What comes late of a replaced lease, and of its loss, says nothing about the next.
func TestStaleEvents(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		b.work.sentinel, b.work.onTerm = time.Hour, 0
		first := newLease(1, 10*time.Second)
		first.quiet = true // does not tell that it was finished
		b.answer(answer{lease: first})
		b.work.broke <- errors.New("guard died") // the sentinel of this loss is written an hour later
		b.after(time.Second)
		second := b.grant(2, 2*time.Hour)

		first.renew(5 * time.Hour)
		b.after(time.Millisecond)
		if _, g := b.gate.State(); g.Token != 2 || g.Deadline > 3*time.Hour {
			t.Errorf("the grant is %+v", g)
		}
		first.lose("taken, an old story")
		b.after(time.Millisecond)
		b.is(gate.Held, true)

		b.after(time.Hour - 1002*time.Millisecond - 200*time.Millisecond)
		second.lose("taken too")
		b.after(400 * time.Millisecond) // the first sentinel has been written by now, the second has not
		if n := strings.Count(strings.Join(b.work.lines(), "\n"), "terminate"); n != 1 {
			t.Errorf("SIGTERM %d times: the sentinel of another loss counted", n)
		}
		b.stop()
		b.ends()
	})
}

func TestLeaseThatComesTooLate(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.after(time.Minute)
		l := b.grant(1, -time.Second)
		b.is(gate.Waiting, false)
		l.endedWith(t, gate.Unbegun)
		b.grant(2, 10*time.Second)
		b.is(gate.Held, true)
		b.work.end(gate.Ended{Unasked: true})
		b.ends()
		b.did("1m0s start 2 until 1m10s", "1m0s gone")
	})
}

func TestBroken(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.grant(1, time.Hour)
		b.work.broke <- errors.New("the guard has died")
		r := b.ends()
		if fmt.Sprint(r.Lost) != "the guard has died" {
			t.Errorf("the result is %+v", r)
		}
		b.did("0s start 1 until 1h0m0s", "0s warn: the guard has died", "0s terminate", "1s gone")
	})
}

func TestAcquireError(t *testing.T) {
	onBench(t, 1, reacquire, func(b *bench) {
		bad := errors.New("no right to write")
		b.answer(answer{err: bad})
		if r := b.ends(); !errors.Is(r.Acquire, bad) || r.Started {
			t.Errorf("the result is %+v", r)
		}
	})
}

// A store that does not answer the end of a lease does not hold the gate.
func TestFinishThatHangs(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		l := newLease(1, 10*time.Second)
		l.hang = true
		b.answer(answer{lease: l})
		b.work.end(gate.Ended{Unasked: true})
		if r := b.ends(); !errors.Is(r.Finish, errFinishTimedOut) {
			t.Errorf("the result is %+v", r)
		}
		if got := time.Since(b.clock.start); got != 5*time.Second {
			t.Errorf("ended after %v, want 5s", got)
		}
	})
}

// A lost lease that is renewed after all stays lost.
func TestLateRenewalDoesNotReopen(t *testing.T) {
	onBench(t, 1, nil, func(b *bench) {
		b.work.onTerm = -1
		l := b.grant(1, 10*time.Second)
		b.after(10 * time.Second)
		l.renew(time.Hour)
		b.after(time.Second)
		b.is(gate.Lost, false)
		b.ends()
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		config gate.Config
		want   string
	}{
		"no budget":     {gate.Config{FinishWithin: time.Second}, "kill budget 0s"},
		"negative":      {gate.Config{FinishWithin: time.Second, Budget: gate.Budget{Kill: time.Second, KillAfter: -1}}, "kill after -1ns: must not be negative"},
		"KILL too late": {gate.Config{FinishWithin: time.Second, Budget: gate.Budget{Kill: 4 * time.Second, KillAfter: 3001 * time.Millisecond}}, "¾ × kill budget 4s = 3s"},
		"no time":       {gate.Config{Budget: benchBudget}, "finish within 0s"},
	} {
		if _, err := gate.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := (gate.Budget{Kill: 4 * time.Second, KillAfter: 3 * time.Second}).Validate(); err != nil {
		t.Errorf("the largest kill after: %v", err)
	}
}

// A workload that ended because its guard died was lost, whichever of the two is heard first.
func TestEndAfterItsCause(t *testing.T) {
	for range 30 { // select draws
		onBench(t, 1, slow, func(b *bench) {
			l := b.grant(1, time.Hour)
			b.after(10 * time.Millisecond)
			l.renew(2 * time.Hour) // the gate looks again in a millisecond, and finds both
			time.Sleep(500 * time.Microsecond)
			b.work.broke <- errors.New("the guard has died")
			b.work.end(gate.Ended{Unasked: true})
			if r := b.ends(); fmt.Sprint(r.Lost) != "the guard has died" {
				t.Errorf("the result is %+v", r)
			}
			l.endedWith(t, gate.Failed)
		})
	}
}
