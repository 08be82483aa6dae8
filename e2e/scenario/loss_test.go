//go:build linux

package scenario_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// stubborn is a workload that has to be killed, with all that it leaves behind.
// Of the 2 s that a ttl of 12 s keeps back, a busy machine has 1 s to end what was killed.
var stubborn = kube.Values{"args": []any{"-ignore-term", "-fork=2"}, "gate": kube.Values{"killAfter": "1s"}} //nolint:gochecknoglobals // values, never changed

const stubbornTTL = 12 * time.Second

// restarting asks the kubelet, which takes 4 s on a quiet machine and has taken
// 19 s on one that was not: it gets more than the 7 s that are least, and the
// heartbeat and operation timeout leave room for it in a ttl of restartTTL.
var restarting = gated("restart", shared, kube.Values{"killBudget": restartBudget.String(), "heartbeat": "6s", "operationTimeout": "6s"}) //nolint:gochecknoglobals // values, never changed

const (
	restartTTL    = 40 * time.Second
	restartBudget = 20 * time.Second
)

// A main that is killed for a lost lock is gone before the lease has ended, and
// does not run while somebody else has the lock, however often the kubelet starts its
// container again; it runs again when the lock is back.
func TestLossStopsMain(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name   string
		ttl    time.Duration
		budget time.Duration
		values kube.Values
		// starter is what the kubelet starts again on its way to main.
		starter kube.Role
	}{
		{"run", stubbornTTL, 2 * time.Second, gated("run"), kube.Gate},
		{"follow", stubbornTTL, 2 * time.Second, gated("follow"), kube.Follower},
		{"restart", restartTTL, restartBudget, restarting, kube.Sidecar},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := against(t, scenario.Opts{TTL: c.ttl, Kubernetes: versionFor(c.name)}, c.values.With(stubborn))
			p.A.DB.Freeze()
			gone, loss := p.stopped(c.name, c.budget)
			if c.name == "restart" {
				p.a.Wait("has been started anew as a whole", slow, func(pod *corev1.Pod) bool {
					return kube.Container(pod, "mongogate").State.Running != nil && kube.Container(pod, "mongogate-epoch").RestartCount > 0 && len(p.a.Processes(kube.Sidecar)) > 0
				})
				p.Figure("loss-to-gate-back-restart-all-containers", p.a.Started(kube.Sidecar).Sub(loss))
			}
			p.watched(gone, p.AwaitRun(p.b, p.TakenOver()))

			// Once more from the beginning, while b holds. On a busy machine the
			// kubelet has started it already: a gate that cannot end its tree in time ends itself.
			killed := time.Now()
			p.a.Wait("has something to be killed", slow, func(*corev1.Pod) bool { return !p.a.Started(c.starter).IsZero() })
			p.a.Signal(c.starter, syscall.SIGKILL)
			p.a.Wait("is started again", slow, func(*corev1.Pod) bool { return p.a.Started(c.starter).After(killed) })
			p.A.DB.Heal()
			p.a.WaitLog(gateOf(p.a), `"holder":"`+p.b.Name+`"`, slow)

			// What would have run before runs now.
			p.B.Scale(scenario.Release, 0)
			p.Await(p.Key, slow+p.TakenOver(), func(r witness.Run) bool { return r.Pod == gone.Pod && r.First.After(gone.Gone) })
			p.ranIn(p.a, p.b, p.a)
		})
	}
}

// Where the kubelet restarts nothing, one kill is enough, and a workload that
// obeys the sentinel needs none.
func TestLossStopsMainOfJob(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name   string
		values kube.Values
		ends   batchv1.JobConditionType
	}{
		{"kill", gated("kill").With(stubborn), batchv1.JobFailed},
		{"sentinel", gated("sentinel").With(kube.Values{"args": []any{"-obey=/run/mongogate/lost"}}), batchv1.JobComplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := against(t, scenario.Opts{TTL: stubbornTTL}, once(c.values))
			p.A.DB.Freeze()
			gone, _ := p.stopped(c.name, p.Timing.KillBudget)
			p.watched(gone, p.AwaitRun(p.b, p.TakenOver()))
			if got := p.A.WaitJob(scenario.Release, slow); got != c.ends {
				t.Errorf("the Job ended as %s, not %s", got, c.ends)
			}
			p.ranIn(p.a, p.b)
		})
	}
}

// against is a holder in cluster a, and in cluster b a wrapper that waits for
// the same lock: protections of two clusters need not be the same.
func against(t *testing.T, opts scenario.Opts, values kube.Values) *pair {
	t.Helper()
	opts.Clusters = "ab"
	p := &pair{Scenario: scenario.New(t, opts)}
	p.renewals = p.Renewals(p.A)
	p.A.Install(scenario.Release, values)
	p.a = p.A.Pod(app)
	p.first = p.AwaitRun(p.a, slow)
	p.B.Install(scenario.Release, gated("run"))
	p.b = p.B.Pod(app)
	p.b.WaitLog("main", "waiting for the lock", slow)
	return p
}

// stopped waits until the first run is gone, by which its lease is to be over
// and not ended. loss is when its gate lost it: the budget before the end.
func (p *pair) stopped(action string, budget time.Duration) (gone witness.Run, loss time.Time) {
	p.Helper()
	gone = p.AwaitGone(p.first, p.Timing.TTL+slow)
	loss = p.renewals.Before(gone.Seen).Add(p.Timing.TTL - budget - p.Timing.Drift())
	p.Figure("loss-to-main-gone-"+action, gone.Gone.Sub(loss))
	p.renewals.InTime(gone)
	// Sent a little before it arrived at the proxy, and the kernel rounds.
	if early := loss.Add(-time.Second).Sub(gone.Gone); early > 0 {
		p.Errorf("main was gone %v before the loss: it was not stopped for that; %v", early+time.Second, gone)
	}
	return gone, loss
}

// ranIn fails the test if others ran than the pods in this order, each once.
func (p *pair) ranIn(pods ...*kube.Pod) {
	p.Helper()
	runs := p.Runs()
	same := len(runs) == len(pods)
	for i := 0; same && i < len(pods); i++ {
		same = runs[i].Pod == string(pods[i].UID)
	}
	if !same {
		p.Errorf("UNSAFE: ran: %v", runs)
	}
}

// handed fails the test if the lock went other ways than these, "free a": how,
// and to which cluster.
func (p *pair) handed(ways ...string) {
	p.Helper()
	if went := p.went(); !slices.Equal(went, ways) {
		p.Errorf("the lock went %q, not %q", went, ways)
	}
}

func (p *pair) went() (ways []string) {
	p.Helper()
	for _, h := range p.Lock(p.Key).History {
		ways = append(ways, h.How+" "+h.Cluster)
	}
	return ways
}

// A follower that dies in the middle of a loss gives no word that its command
// has ended. Its sidecar does not wait for that forever: the pod runs again when
// it has the lock again.
func TestLossFollowerCrashes(t *testing.T) {
	p := against(t, scenario.Opts{TTL: stubbornTTL}, gated("follow").With(kube.Values{"args": stubborn["args"]})) // with all of its time to ignore SIGTERM
	p.A.DB.Freeze()
	p.a.WaitLog("mongogate", "gate shut", slow)
	p.a.Signal(kube.Follower, syscall.SIGKILL) // its guard ends the tree, and nobody is left to say so
	gone := p.AwaitGone(p.first, slow)
	p.renewals.InTime(gone)
	p.watched(gone, p.AwaitRun(p.b, p.TakenOver()))
	p.a.Wait("has its gate started anew", slow, func(pod *corev1.Pod) bool {
		last := kube.Container(pod, "mongogate").LastTerminationState.Terminated
		return last != nil && last.ExitCode == 88
	})

	p.A.DB.Heal()
	p.B.Scale(scenario.Release, 0)
	p.Await(p.Key, slow+p.TakenOver(), func(r witness.Run) bool { return r.Pod == gone.Pod && r.First.After(gone.Gone) })
	p.ranIn(p.a, p.b, p.a)
}
