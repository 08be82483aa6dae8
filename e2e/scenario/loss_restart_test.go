//go:build linux

package scenario_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// With both restart gates off, as in cluster b, the API server drops the rule
// and the kubelet restarts the gate alone. It finds itself in the epoch in which it
// held already, says so, and never takes the lock again. Until it says so its main
// has outlived one loss; with the protection kill beside restart not even that.
func TestLossRestartIgnored(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	t.Run("restart", func(t *testing.T) {
		const why = "a kubelet that ignores the rule lets main run on, which is what the gate is to notice"
		p := ignoring(t, scenario.Opts{MayOverlap: why}, nil)
		if now := p.AwaitRun(p.b, 5*time.Second); !now.First.Equal(p.first.First) {
			t.Errorf("main was to live on, or there was nothing to notice: %v", p.Runs())
		}
		p.refuses()
		if len(p.Witness.Overlaps(p.Key)) == 0 {
			t.Errorf("main was to live on beside the other cluster's, or there was nothing to notice: %v", p.Runs())
		}
	})
	t.Run("restart-and-kill", func(t *testing.T) {
		p := ignoring(t, scenario.Opts{}, []any{"kill"})
		p.stopped("restart-ignored-and-kill", restartBudget)
		p.refuses()
	})
}

// versionFor is the version of Kubernetes that a protection needs.
func versionFor(protection string) int {
	if protection == "restart" {
		return scenario.RestartsInPlace
	}
	return 0
}

// ignoring loses the lock of a pod in cluster b, and waits until its gate has come back and says what it has found.
func ignoring(t *testing.T, opts scenario.Opts, also []any) *pair {
	t.Helper()
	opts.Clusters, opts.TTL, opts.Kubernetes, opts.RestartIgnored = "ab", restartTTL, scenario.RestartsInPlace, true
	p := &pair{Scenario: scenario.New(t, opts)}
	p.renewals = p.Renewals(p.B)
	p.B.Install(scenario.Release, restarting.With(stubborn).With(kube.Values{"gate": kube.Values{"also": also}}))
	p.b = p.B.Pod(app)
	p.first = p.AwaitRun(p.b, slow)
	p.B.DB.Freeze()
	p.b.Wait("has its gate started again", slow, func(pod *corev1.Pod) bool {
		gate := kube.Container(pod, "mongogate")
		return gate.RestartCount > 0 && gate.State.Running != nil
	})
	p.B.DB.Heal()
	p.b.WaitLog("mongogate", "the restart rule was ignored", slow)
	return p
}

// refuses shows that the gate in b takes no lock, held or free, for as long as
// its pod lives, and that nothing is started there.
func (p *pair) refuses() {
	p.Helper()
	p.A.Install(scenario.Release, gated("run"))
	p.a = p.A.Pod(app)
	p.AwaitRun(p.a, slow)
	p.A.Scale(scenario.Release, 0)
	p.AwaitLock(p.Key, "free", slow, func(i mongolock.Info) bool { return i.State == "free" })
	p.A.Scale(scenario.Release, 1) // takes longer than one that waits
	again := p.A.Pod(app, p.a)
	p.AwaitRun(again, slow)
	p.handed("free b", "taken-over a", "free a")
	p.b.Wait("is not ready, and has started nothing but its gate", slow, func(pod *corev1.Pod) bool {
		return !kube.IsReady(pod) && kube.Container(pod, "mongogate-epoch").RestartCount == 0 && kube.Container(pod, "main").RestartCount == 0
	})

	// A new pod is a new epoch.
	p.A.Scale(scenario.Release, 0)
	p.b.Delete()
	anew := p.B.Pod(app, p.b)
	p.Await(p.Key, slow, func(r witness.Run) bool { return r.Pod == string(anew.UID) })
}
