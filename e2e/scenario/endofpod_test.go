//go:build linux

package scenario_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// shared makes a native sidecar see the workload's processes, and so its end.
var shared = kube.Values{"shareProcessNamespace": true} //nolint:gochecknoglobals // values, never changed

// brief lets a pod have a short grace period under a long lease.
var brief = kube.Values{"killBudget": "1s", "operationTimeout": "1s"} //nolint:gochecknoglobals // values, never changed

// A wrapper whose workload does not end on SIGTERM is killed with it when the
// grace period runs out. Nobody has seen the workload's end, so nobody releases.
func TestEndOfPodGraceRunsOutRun(t *testing.T) {
	stubborn := kube.Values{"args": []any{"-ignore-term"}, "terminationGracePeriodSeconds": 3}
	p := inTwo(t, scenario.Opts{}, gated("run").With(stubborn))
	deleted := time.Now()
	p.A.Scale(scenario.Release, 0)
	gone := p.AwaitGone(p.first, slow)
	next := p.AwaitRun(p.b, p.TakenOver())
	p.Figure("pod-deleted-to-successor-running-grace-ran-out-run", next.Start.Sub(deleted))
	p.watched(gone, next)
}

// The same under a native sidecar. The kubelet ends it after its workload: with
// evidence it releases, without it the lease runs out.
func TestEndOfPodGraceRunsOutSidecar(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	stubborn := kube.Values{"args": []any{"-ignore-term"}, "terminationGracePeriodSeconds": 3}
	t.Run("evidence", func(t *testing.T) {
		p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, gated("sentinel", shared, brief).With(stubborn))
		deleted := time.Now()
		p.A.Scale(scenario.Release, 0)
		gone := p.AwaitGone(p.first, slow)
		next := p.AwaitRun(p.b, slow)
		p.Figure("pod-deleted-to-successor-running-grace-ran-out-sidecar-evidence", next.Start.Sub(deleted))
		p.released(gone, next)
	})
	t.Run("none", func(t *testing.T) {
		p := inTwo(t, scenario.Opts{}, gated("sentinel").With(stubborn))
		p.a.WaitLog("mongogate", "no evidence", slow)
		deleted := time.Now()
		p.A.Scale(scenario.Release, 0)
		gone := p.AwaitGone(p.first, slow)
		next := p.AwaitRun(p.b, slow)
		p.Figure("pod-deleted-to-successor-running-grace-ran-out-sidecar-blind", next.Start.Sub(deleted))
		p.watched(gone, next)
	})
}

// A sidecar that is told to end while main lives keeps the lock for as long as
// main takes. What it can see decides whether it is released then.
func TestEndOfPodSidecarToldToEndBeforeMain(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	const outlives = 8 * time.Second
	slowly := kube.Values{"args": []any{"-term-delay=" + outlives.String()}, "terminationGracePeriodSeconds": 12}
	for _, c := range []struct {
		name string
		ttl  time.Duration
		gate kube.Values
		then func(p *pair, gone, next witness.Run)
	}{
		{"evidence", 20 * time.Second, gated("sentinel", shared), (*pair).released},
		{"none", 6 * time.Second, gated("sentinel"), (*pair).watched},
		{"follow", 20 * time.Second, gated("follow"), (*pair).released},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: c.ttl}, c.gate.With(slowly))
			told := time.Now()
			p.a.Signal(kube.Sidecar, syscall.SIGTERM)
			p.A.Scale(scenario.Release, 0)
			gone := p.AwaitGone(p.first, slow)
			if lived := gone.Gone.Sub(told); lived < outlives {
				t.Fatalf("main was to outlive the signal to its gate by %v, not by %v", outlives, lived)
			}
			next := p.AwaitRun(p.b, slow)
			p.Figure("main-ended-to-successor-running-sidecar-"+c.name, next.Start.Sub(gone.Gone))
			c.then(p, gone, next)
		})
	}
}

// A Job with a native sidecar completes when its main has: the gate keeps
// nothing alive, and releases by what each kind takes as evidence.
func TestEndOfPodJobCompletes(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name string
		gate kube.Values
	}{
		{"shared", gated("sentinel", shared)},
		{"follow", gated("follow")},
		{"status", gated("sentinel", kube.Values{"kube": kube.Values{"evidence": true}})},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, once(c.gate).With(kube.Values{"args": []any{"-for=15s"}}))
			gone := p.AwaitGone(p.first, slow)
			next := p.AwaitRun(p.b, slow)
			p.Figure("job-main-ended-to-successor-running-"+c.name, next.Start.Sub(gone.Gone))
			p.released(gone, next)
			for _, space := range []*kube.Space{p.A, p.B} {
				if outcome := space.WaitJob(scenario.Release, slow); outcome != "Complete" {
					t.Errorf("cluster %s: the Job ended as %s", space.Name, outcome)
				}
			}
			p.AwaitLock(p.Key, "free", 5*time.Second, func(i mongolock.Info) bool { return i.State == "free" })
		})
	}
}

// The kubelet ends the gate alone, because its probe fails or its image was
// changed. Main lives, so nothing is released; the gate that comes back adopts the lease.
func TestEndOfPodGateStoppedAlone(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name string
		gate kube.Values
		stop func(*pair)
	}{
		{"image", shared, func(p *pair) { p.a.SetImage("mongogate", sameImage(p.Scenario)) }},
		{"probe", kube.Values{"probes": kube.Values{"by": "exec", "liveness": kube.Values{"periodSeconds": 1}}}, func(p *pair) {
			p.a.Remove(kube.Sidecar, "/run/mongogate/probe.sock")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The kubelet waits for the grace period, in which the gate does not end; a lease outlasts what follows.
			p := inTwo(t, scenario.Opts{TTL: 40 * time.Second}, gated("sentinel", c.gate, brief).With(kube.Values{"terminationGracePeriodSeconds": 2}))
			before := p.AwaitHolder(p.Key, p.a, 5*time.Second)
			stopped := time.Now()
			c.stop(p)
			after := p.AwaitLock(p.Key, "adopted by the gate that came back", slow, func(i mongolock.Info) bool { return i.State == "held" && i.Token > before.Token })
			p.Figure("gate-stopped-alone-to-adopted-"+c.name, after.Created.Sub(stopped))
			if after.Holder.PodUID != string(p.a.UID) {
				t.Fatalf("UNSAFE: the lock went to %s, and main lives", after.Where())
			}
			switch how := cameToHold(p.Scenario, p.a); how {
			case "adopted":
			case "free":
				t.Error("UNSAFE: the lock was released by a gate whose main lives")
			default:
				t.Errorf("the gate that came back did not adopt its lease: %s", how)
			}
			p.a.WaitReady(slow)
			if runs := p.Runs(); len(runs) != 1 || !runs[0].Alive() {
				t.Errorf("main was to run on: %v", runs)
			}
		})
	}
}

// sameImage is the image of the gate by another name, so that it need not be there twice.
func sameImage(s *scenario.Scenario) string {
	s.Helper()
	short, found := strings.CutPrefix(s.Lab.Image, "docker.io/")
	if !found {
		s.SkipFor("the image " + s.Lab.Image + " has no second name")
	}
	return short
}
