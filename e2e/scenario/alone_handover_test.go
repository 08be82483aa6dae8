//go:build linux

package scenario_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// API server and database are lost to the holder's cluster at once: nothing of
// that cluster can be asked or told, and main is gone in time all the same.
func TestAloneHandOverOnLostControlPlaneAndDatabase(t *testing.T) {
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{Control: true, TTL: lossTTL}, gated(protection))
			release := p.Hold(p.A, lab.APIServer)
			lost := time.Now()
			p.A.DB.Cut()
			gone := p.lost("control-plane-and-database-lost", protection, lost)
			next := p.AwaitRun(p.b, p.TakenOver())
			p.Figure("control-plane-and-database-lost-to-successor-running-"+protection, next.Start.Sub(lost))
			p.watched(gone, next)

			release()
			p.A.DB.Heal()
			p.a.WaitLog(gateOf(p.a), `"holder":"`+p.b.Name+`"`, slow)
			p.A.Scale(scenario.Release, 0)
			p.a.WaitGone(slow) // its controllers and its kubelet are back too
		})
	}
}

// A kubelet that is restarted, or away for longer than the lease, is no loss: the
// same process runs under the same lease, and the other cluster waits. It has the
// lock when the kubelet that is back ends the pod.
func TestAloneKubeletAway(t *testing.T) {
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{Control: true, TTL: lossTTL}, gated(protection))
			p.a.WaitReady(slow)
			before := p.AwaitHolder(p.Key, p.a, 5*time.Second)

			restarted := time.Now()
			p.RestartComponent(p.A, lab.Kubelet)
			p.A.WaitKubelet(restarted, slow)
			release := p.Hold(p.A, lab.Kubelet)
			held := p.Lock(p.Key).Touched
			p.AwaitLock(p.Key, "renewed for longer than the ttl", slow, func(i mongolock.Info) bool {
				return i.Touched.Sub(held) > p.Timing.TTL+p.Timing.Grace
			})
			release()
			p.A.WaitKubelet(time.Now(), slow)
			p.a.WaitReady(slow)
			if after := p.AwaitHolder(p.Key, p.a, 5*time.Second); after.Token != before.Token {
				t.Errorf("the lease was lost and taken anew: token %d, was %d", after.Token, before.Token)
			}
			p.notRestarted()

			// The kubelet that is back ends the pod in order, so it has looked at it before.
			p.A.Scale(scenario.Release, 0)
			gone := p.AwaitGone(p.first, slow)
			next := p.AwaitRun(p.b, slow)
			p.released(gone, next)
			p.ranIn(p.a, p.b)
		})
	}
}
