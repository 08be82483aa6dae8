//go:build linux

package scenario_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/kube"
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

// A kubelet that is restarted, or away for longer than the lease, is no loss:
// the same process runs under the same lease.
func TestAloneKubeletAway(t *testing.T) {
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			s := scenario.New(t, scenario.Opts{Control: true})
			s.A.Install(scenario.Release, gated(protection))
			pod := s.A.Pod(app)
			first := s.AwaitRun(pod, slow)
			pod.WaitReady(slow)
			before := s.AwaitHolder(s.Key, pod, 5*time.Second)

			restarted := time.Now()
			s.RestartComponent(s.A, lab.Kubelet)
			s.A.WaitKubelet(restarted, slow)
			release := s.Hold(s.A, lab.Kubelet)
			held := s.Lock(s.Key).Touched
			s.AwaitLock(s.Key, "renewed for longer than the ttl", slow, func(i mongolock.Info) bool {
				return i.Touched.Sub(held) > s.Timing.TTL+s.Timing.Grace
			})
			release()
			s.A.WaitKubelet(time.Now(), slow)
			pod.WaitReady(slow)
			if after := s.AwaitHolder(s.Key, pod, 5*time.Second); after.Token != before.Token {
				t.Errorf("the lease was lost and taken anew: token %d, was %d", after.Token, before.Token)
			}
			for _, name := range []string{"main", "mongogate"} {
				if n := kube.Container(pod.Pod, name).RestartCount; n != 0 {
					t.Errorf("container %s was restarted %d times", name, n)
				}
			}

			// The kubelet that is back ends the pod in order, so it has looked at it before.
			s.A.Scale(scenario.Release, 0)
			s.AwaitGone(first, slow)
			s.AwaitLock(s.Key, "free", slow, func(i mongolock.Info) bool { return i.State == "free" })
			if runs := s.Runs(); len(runs) != 1 {
				t.Errorf("main was stopped and started again: %v", runs)
			}
		})
	}
}
