package gate_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// A loop that hangs is found out once its lease and its kill budget are over, and not before.
func TestAlive(t *testing.T) {
	var hang chan struct{} // made in the bubble, or its time would stand still
	onBench(t, 1, func(c *gate.Config) {
		hang = make(chan struct{})
		c.Observe = func(c gate.Change) {
			if c.Action == gate.Open {
				<-hang
			}
		}
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
