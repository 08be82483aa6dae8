//go:build linux

package scenario_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

const app = "app.kubernetes.io/instance=" + scenario.Release

// slow is enough for what only Kubernetes takes its time for, on a busy
// machine: no promise of ours is judged by it.
const slow = 3 * time.Minute

// A pod that is deleted releases when its workload has ended; the other cluster
// has it within a look, not after a lease.
func TestHandOverOnDelete(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, gated(protection))
			deleted := time.Now()
			p.A.Scale(scenario.Release, 0) // a pod that is only deleted has a successor beside it, which is faster than b
			gone := p.AwaitGone(p.first, slow)
			next := p.AwaitRun(p.b, slow)
			p.Figure("pod-deleted-to-main-gone-"+protection, gone.Gone.Sub(deleted))
			p.Figure("pod-deleted-to-successor-running-"+protection, next.Start.Sub(deleted))
			p.released(gone, next)
		})
	}
}

// A pod that is deleted with grace 0 is forgotten by the API while it still
// runs, and has a replacement beside it at once. Nobody starts before it has ended.
func TestHandOverOnForceDelete(t *testing.T) {
	p := inTwo(t, scenario.Opts{}, gated("run").With(kube.Values{"args": []any{"-term-delay=5s"}}))
	deleted := time.Now()
	p.a.ForceDelete()
	p.a.WaitGone(slow)
	forgotten := time.Now()
	gone := p.AwaitGone(p.first, slow)
	if gone.Gone.Before(forgotten) {
		t.Fatalf("main had ended before the API forgot its pod: nothing was shown; %v", gone)
	}
	p.Figure("pod-force-deleted-to-main-gone", gone.Gone.Sub(deleted))
	next := p.Await(p.Key, p.TakenOver(), func(r witness.Run) bool { return r.Pod != gone.Pod && r.Alive() })
	p.Figure("pod-force-deleted-to-successor-running", next.Start.Sub(deleted))
}

// SIGKILL of the gate: main is gone before the lease ends, and the other
// cluster runs only after having watched the lease in full.
func TestHandOverOnKilledGate(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: lossTTL}, once(gated(protection)))
			killed := time.Now()
			if protection == "run" {
				p.a.Signal(kube.Gate, syscall.SIGKILL)
			} else {
				p.a.KeepDown(kube.Sidecar) // the kubelet starts it again, and it would adopt its lease
			}
			gone := p.lost("gate-killed", protection, killed)
			next := p.AwaitRun(p.b, p.TakenOver())
			p.Figure("gate-killed-to-successor-running-"+protection, next.Start.Sub(killed))
			p.watched(gone, next)
		})
	}
}

// SIGKILL of the guard: the gate ends the tree itself, sees that it is empty,
// and releases.
func TestHandOverOnKilledGuard(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, once(gated("run")))
	killed := time.Now()
	p.a.Signal(kube.Guard, syscall.SIGKILL)
	gone := p.lost("guard-killed", "run", killed)
	next := p.AwaitRun(p.b, slow)
	p.Figure("guard-killed-to-successor-running", next.Start.Sub(killed))
	p.released(gone, next)
}

// SIGSTOP of the gate: main is gone before the lease ends all the same. Its own
// timers wake the gate, which gives the lock back once nothing is left; a gate that wakes up when another holds starts nothing.
func TestHandOverOnFrozenGate(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name, protection string
		frozen           kube.Role
	}{
		{"run", "run", kube.Gate},
		{"follow-sidecar", "follow", kube.Sidecar},
		{"follow-sidecar-and-wrapper", "follow", kube.Gate},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: lossTTL}, once(gated(c.protection)))
			frozen := time.Now()
			p.a.Signal(c.frozen, syscall.SIGSTOP)
			gone := p.lost("gate-frozen", c.name, frozen)
			next := p.AwaitRun(p.b, p.TakenOver())
			p.Figure("gate-frozen-to-successor-running-"+c.name, next.Start.Sub(frozen))
			p.woken(gone, next)

			for _, g := range p.a.Processes(c.frozen) { // where the kubelet has not ended the pod yet
				_ = g.Signal(syscall.SIGCONT)
			}
			p.a.Wait("has ended with 88", slow, func(pod *corev1.Pod) bool {
				end := kube.Container(pod, "main").State.Terminated
				return end != nil && end.ExitCode == 88
			})
		})
	}
}

// Gate and guard are frozen both, from outside: main and what it has started are gone before the lease ends. What a command
// itself can do to them is in TestLossByAttack.
func TestHandOverOnBothFrozen(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: lossTTL}, once(gated("run").With(kube.Values{"args": []any{"-fork=1"}})))
	p.a.Signal(kube.Gate, syscall.SIGSTOP)
	p.a.Signal(kube.Guard, syscall.SIGSTOP)
	frozen := time.Now()
	p.A.DB.Cut()
	gone := p.lost("both-frozen", "from-outside", frozen)
	next := p.AwaitRun(p.b, p.TakenOver())
	p.Figure("both-frozen-to-successor-running-from-outside", next.Start.Sub(frozen))
	p.watched(gone, next)
}

// pair is a holder in cluster a and one that waits in cluster b.
type pair struct {
	*scenario.Scenario

	a, b     *kube.Pod
	first    witness.Run
	renewals *scenario.Renewals
}

// lossTTL is the ttl where main is stopped at the end of a lease: with the kill
// budget that it gives, two noisy cores are a machine on which a workload can be stopped in time.
const lossTTL = 12 * time.Second

// inTwo installs the same in both clusters, first in a.
func inTwo(t *testing.T, opts scenario.Opts, values kube.Values) *pair {
	t.Helper()
	opts.Clusters = "ab"
	p := &pair{Scenario: scenario.New(t, opts)}
	p.renewals = p.Renewals(p.A)
	installed := time.Now()
	p.A.Install(scenario.Release, values)
	p.a = p.A.Pod(app)
	p.first = p.AwaitRun(p.a, slow)
	protection := p.a.Labels["mongogate.dev/protection"]
	p.Figure("helm-install-to-lock-held-"+protection, p.AwaitHolder(p.Key, p.a, 5*time.Second).Created.Sub(installed))
	p.Figure("helm-install-to-main-running-"+protection, p.first.Start.Sub(installed))
	p.B.Install(scenario.Release, values)
	p.b = p.B.Pod(app)
	p.b.WaitLog(gateOf(p.b), "waiting for the lock", slow)
	return p
}

// lost waits until main is gone after a loss, which is to be in time.
func (p *pair) lost(what, how string, since time.Time) witness.Run {
	p.Helper()
	gone := p.AwaitGone(p.first, p.Timing.TTL+5*time.Second)
	p.Figure(what+"-to-main-gone-"+how, gone.Gone.Sub(since))
	p.renewals.InTime(gone)
	return gone
}

// released fails the test if the successor did not find the lock free.
func (p *pair) released(gone, next witness.Run) {
	p.Helper()
	if how := p.handedOver(); how != "free" {
		p.Errorf("the successor's lock was %s: it was not released", how)
	}
	if took := next.Start.Sub(gone.Gone); took > p.Timing.TTL/2 {
		p.Errorf("the successor ran %v after main had gone: the lock was released late", took)
	}
}

// watched fails the test if the successor did anything but watch the whole
// lease of a holder that fell silent.
func (p *pair) watched(gone, next witness.Run) {
	p.Helper()
	switch how := p.handedOver(); how {
	case "taken-over":
	case "free":
		p.Error("UNSAFE: the successor's lock was free: it was released without evidence that its holder's workload had ended")
	default:
		p.Errorf("the successor's lock was %s: its holder fell silent and released nothing", how)
	}
	p.renewals.Watched(gone, next)
}

// woken fails the test if the lock changed hands before main had gone: a gate that was frozen is woken by the kernel
// and may have given it back on evidence; else the successor has watched the whole lease.
func (p *pair) woken(gone, next witness.Run) {
	p.Helper()
	if p.handedOver() != "free" {
		p.watched(gone, next)
		return
	}
	if next.Start.Before(gone.Gone) {
		p.Errorf("UNSAFE: the lock was given back %v before main had gone", gone.Gone.Sub(next.Start))
	}
}

// handedOver is how cluster b first came to the lock: what its pod has done with it
// since says nothing of the holder before it.
func (p *pair) handedOver() string {
	p.Helper()
	history := p.AwaitHolder(p.Key, p.b, 5*time.Second).History
	first := slices.IndexFunc(history, func(h mongolock.HandOver) bool { return h.Cluster == p.B.Name })
	if first < 0 {
		p.Fatalf("the history has nobody of cluster %s: %+v", p.B.Name, history)
	}
	return history[first].How
}

// once makes a Job of it, without retries: nobody comes back in a to adopt the
// lease, or to take the lock before b does.
func once(values kube.Values) kube.Values {
	return values.With(kube.Values{"kind": "Job", "job": kube.Values{"backoffLimit": 0}})
}
