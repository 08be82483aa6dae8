package gate_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/bubble"
)

// TestObserverThatNeverReturns: it holds up no renewal, no signal of a loss, and the end of Run for a second at most.
func TestObserverThatNeverReturns(t *testing.T) {
	var stuck chan struct{}
	onBench(t, 1, func(c *gate.Config) {
		stuck = make(chan struct{})
		c.Observe = func(gate.Change) { <-stuck }
	}, func(b *bench) {
		defer close(stuck)
		l := b.grant(1, 20*time.Second)
		b.after(10 * time.Second)
		l.renew(b.clock.Now() + 20*time.Second)
		b.after(15 * time.Second)
		b.is(gate.Held, true)
		b.work.onTerm = -1
		l.lose("revoked")
		lost := b.clock.Now()
		r := b.ends()
		if fmt.Sprint(r.Lost) != "revoked" || len(l.outcomes()) != 1 {
			b.Errorf("%+v, finished %v", r, l.outcomes())
		}
		if took := b.clock.Now() - lost; took > benchBudget.KillAfter+gate.FlushWithin {
			b.Errorf("it took %v to end", took)
		}
		b.did("0s start 1 until 20s", "10s extend 30s", "25s warn: revoked", "25s terminate", "28s kill", "28s gone")
	})
}

// TestObserverIsToldWhen: what an observer is told late has its own time, and all of it is told before Run returns.
func TestObserverIsToldWhen(t *testing.T) {
	var (
		flow chan struct{}
		at   []time.Duration
	)
	onBench(t, 1, func(c *gate.Config) {
		flow = make(chan struct{})
		c.Observe = func(c gate.Change) {
			<-flow
			if c.Action == gate.Open || c.Action == gate.Terminate || c.Action == gate.Exit {
				at = append(at, c.At)
			}
		}
	}, func(b *bench) {
		l := b.grant(1, 20*time.Second)
		b.after(5 * time.Second)
		l.lose("revoked")
		b.after(500 * time.Millisecond)
		close(flow)
		b.ends()
		if len(at) != 3 || at[0] != 0 || at[1] != 5*time.Second || at[2] != 6*time.Second {
			b.Errorf("told of open, SIGTERM and the end at %v", at)
		}
	})
}

// TestQueue: in their order, as far as there is room; what is missing is said in its place.
func TestQueue(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		type told struct{ value, missing int }
		var got []told
		flow := make(chan struct{})
		q := gate.NewQueue(func(value, missing int) {
			<-flow
			got = append(got, told{value, missing})
		})
		const more = 10
		for i := range gate.QueueSize + 1 + more {
			q.Tell(i)
			if i == 0 {
				bubble.Wait() // it has taken the first, and stands
			}
		}
		if q.Dropped() != more {
			t.Errorf("%d dropped, want %d", q.Dropped(), more)
		}
		begun := time.Now()
		q.Flush(time.Second)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("a flush before an observer that stands took %v", took)
		}
		close(flow)
		q.Flush(time.Second)
		if len(got) != gate.QueueSize+1 || got[0] != (told{0, 0}) || got[1] != (told{more + 1, more}) || got[2] != (told{more + 2, 0}) {
			t.Errorf("told %d, first %v", len(got), got[:3])
		}
	})
}

// TestQueueOutlivesItsGoroutine: t.FailNow in an observer ends it.
func TestQueueOutlivesItsGoroutine(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var told atomic.Int32
		q := gate.NewQueue(func(int, int) {
			told.Add(1)
			runtime.Goexit()
		})
		for i := range 3 {
			q.Tell(i)
		}
		bubble.Wait()
		if told.Load() != 3 {
			t.Errorf("told %d of 3", told.Load())
		}
	})
}

// TestQueueOfNobody: without an observer nothing is kept.
func TestQueueOfNobody(t *testing.T) {
	q := gate.NewQueue[int](nil)
	for i := range 2 * gate.QueueSize {
		q.Tell(i)
	}
	q.Flush(time.Hour)
	if q.Dropped() != 0 {
		t.Errorf("%d dropped", q.Dropped())
	}
}
