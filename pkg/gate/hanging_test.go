package gate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/observer"
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
		if took := b.clock.Now() - lost; took > benchBudget.KillAfter+observer.FlushWithin {
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

// hangingWorkload holds its gate up, which no workload may.
type hangingWorkload struct {
	gate.Workload
	hang chan struct{}
}

func (w hangingWorkload) Start(g gate.Grant) {
	w.Workload.Start(g)
	<-w.hang
}

// A loop that hangs is found out once its lease and its kill budget are over, and not before.
func TestAlive(t *testing.T) {
	var hang chan struct{} // made in the bubble, or its time would stand still
	onBench(t, 1, func(c *gate.Config) {
		hang = make(chan struct{})
		c.Workload = hangingWorkload{c.Workload, hang}
	}, func(b *bench) {
		if !b.gate.Alive() {
			b.Error("not alive while it waits")
		}
		b.grant(1, 10*time.Second)
		b.after(10*time.Second + benchBudget.Kill - 1)
		if !b.gate.Alive() || b.gate.Open() {
			b.Errorf("alive %v, open %v within the kill budget", b.gate.Alive(), b.gate.Open())
		}
		b.after(1)
		if b.gate.Alive() {
			b.Error("alive, although its loop hangs")
		}
		close(hang)
		b.ends()
		if !b.gate.Alive() {
			b.Error("not alive after the loss was dealt with")
		}
	})
}
