package gate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

func resting(c *gate.Config) { c.Reacquire, c.Rest = true, 10*time.Second }

// lost takes the lease away, and says how long the gate rests then.
func (b *bench) lost(l *fakeLease) time.Duration {
	b.Helper()
	l.lose("taken")
	b.after(time.Minute / 4) // the workload is gone by then
	began := time.Now()
	for len(l.outcomes()) == 0 {
		b.after(time.Second)
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	for i := len(b.changes) - 1; i >= 0; i-- {
		if b.changes[i].Action == gate.Wait {
			return b.changes[i].Rest
		}
	}
	b.Fatalf("after %v the gate does not wait again", time.Since(began))
	return 0
}

// After a loss others have a turn: the rest doubles while losses follow each other, up to a bound, and begins anew after a good hold.
func TestRestAfterLosses(t *testing.T) {
	onBench(t, 1, resting, func(b *bench) {
		for i, seconds := range []int{10, 20, 40, 80, 160, 160, 160} {
			want := time.Duration(seconds) * time.Second
			if got := b.lost(b.grant(int64(i+1), time.Hour)); got != want {
				b.Errorf("loss %d: a rest of %v, want %v", i+1, got, want)
			}
		}
		good := b.grant(10, time.Hour)
		b.after(161 * time.Second)
		if got := b.lost(good); got != 10*time.Second {
			b.Errorf("after a good hold: a rest of %v, want 10s", got)
		}
	})
}

func TestRestIsKept(t *testing.T) {
	onBench(t, 1, resting, func(b *bench) {
		l := b.grant(1, time.Hour)
		l.lose("taken")
		b.after(2 * time.Second) // the workload is gone after one
		next := newLease(2, b.clock.Now()+time.Hour)
		select {
		case b.lock.answers <- answer{lease: next}:
			b.Error("the gate asks for the lock at once after its loss")
		case <-time.After(8 * time.Second):
		}
		b.answer(answer{lease: next})
		b.is(gate.Held, true)
		b.work.end(gate.Ended{Unasked: true})
		b.ends()
	})
}

// A lease that comes too late to be used is a loss as well: whoever is so slow would loop.
func TestRestAfterALeaseThatCameTooLate(t *testing.T) {
	onBench(t, 1, resting, func(b *bench) {
		b.grant(1, 0)
		b.after(time.Second)
		select {
		case b.lock.answers <- answer{}:
			b.Error("the gate asks for the lock at once")
		case <-time.After(time.Second):
		}
		b.stop()
		b.ends()
	})
}

// Whoever is told to end while it waits again has not lost what it waits for.
func TestStopWhileWaitingAgain(t *testing.T) {
	for name, after := range map[string]time.Duration{"resting": 2 * time.Second, "waiting": time.Minute} {
		t.Run(name, func(t *testing.T) {
			onBench(t, 1, resting, func(b *bench) {
				b.grant(1, time.Hour).lose("taken")
				b.after(after)
				stopped := time.Now()
				b.stop()
				if r := b.ends(); !errors.Is(r.Acquire, context.Canceled) || !r.Started || r.Lost == nil {
					b.Errorf("the result is %+v", r)
				}
				if took := time.Since(stopped); took > 0 {
					b.Errorf("it ended %v after it was told to", took)
				}
			})
		})
	}
}

func TestStopDuringTheLoss(t *testing.T) {
	onBench(t, 1, resting, func(b *bench) {
		b.grant(1, time.Hour).lose("taken")
		b.after(500 * time.Millisecond)
		b.stop()
		if r := b.ends(); r.Acquire != nil || r.Lost == nil {
			b.Errorf("the result is %+v, want a loss", r)
		}
	})
}
