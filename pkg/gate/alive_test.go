package gate_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

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
