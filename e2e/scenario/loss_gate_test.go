//go:build linux

package scenario_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// A gate that is stopped from the machine, again and again so that nothing wakes it for long, or killed whenever
// there is one: its twin or guard stops main, or tells it, before the lease ends, and the other cluster runs after that. What
// kubectl exec has started in main's container, without an environment, is gone as well under the protection kill. When the gate is
// left alone it is no gate that sits beside a running main. E2E_GATE_LOSSES is how often each is tried; CI leaves
// out what TestHandOverOnKilledGate and TestHandOverOnFrozenGate show.
func TestLossOfGate(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	n := times(t, "E2E_GATE_LOSSES", 0)
	stopped := func(role kube.Role) func(*kube.Pod) func() {
		return func(p *kube.Pod) func() { return p.KeepStopped(role) }
	}
	killed := func(role kube.Role) func(*kube.Pod) func() {
		return func(p *kube.Pod) func() { return p.KeepDown(role) }
	}
	obeying := gated("sentinel").With(kube.Values{"args": []any{"-obey=/run/mongogate/lost"}})
	kill, sentinel, run, follow := once(gated("kill").With(stubborn)), once(obeying), once(gated("run").With(stubborn)), once(gated("follow").With(stubborn))
	for _, c := range []struct {
		name, protection string
		ttl              time.Duration
		values           kube.Values
		harm             func(*kube.Pod) (release func())
		elsewhere        bool
	}{
		{"kill-frozen", "kill", lossTTL, kill, stopped(kube.Sidecar), false},
		{"kill-killed", "kill", lossTTL, kill, killed(kube.Sidecar), false},
		{"kill-both-stopped", "kill", lossTTL, kill, func(p *kube.Pod) func() {
			p.Signal(kube.Sidecar, syscall.SIGSTOP)
			p.Signal(kube.Twin, syscall.SIGSTOP)
			return func() {}
		}, false},
		{"sentinel-frozen", "sentinel", lossTTL, sentinel, stopped(kube.Sidecar), false},
		{"sentinel-killed", "sentinel", lossTTL, sentinel, killed(kube.Sidecar), false},
		{"restart-frozen", "restart", restartTTL, restarting, stopped(kube.Sidecar), false},
		// One that is killed comes back with all containers and adopts its lease, so that nobody else has it: TestLossGateOutOfMemory.
		{"run-frozen", "run", lossTTL, run, stopped(kube.Gate), true},
		{"run-killed", "run", lossTTL, run, killed(kube.Gate), true},
		{"follow-frozen", "follow", lossTTL, follow, stopped(kube.Sidecar), true},
		{"follow-killed", "follow", lossTTL, follow, killed(kube.Sidecar), true},
	} {
		if c.elsewhere && n == 0 {
			continue
		}
		for i := range max(n, 1) {
			t.Run(c.name+"-"+strconv.Itoa(i+1), func(t *testing.T) {
				p := against(t, scenario.Opts{TTL: c.ttl, Kubernetes: versionFor(c.protection)}, c.values)
				if c.protection == "kill" {
					must.Get(p.a.Exec("main", "sh", "-c", "env -i sleep 5005 >/dev/null 2>&1 &"))(t)
					p.a.Wait("runs the stray", slow, p.a.Has(kube.Stray))
				}
				since := time.Now()
				release := c.harm(p.a)
				gone := p.lost("gate-lost", c.name, since)
				if c.protection == "kill" { // killed in the same pass, in no order
					p.strayGone()
				}
				next := p.AwaitRun(p.b, p.TakenOver()+slow)
				p.Figure("gate-lost-to-successor-running-"+c.name, next.Start.Sub(since))
				if next.Start.Before(gone.Gone) {
					t.Errorf("UNSAFE: the successor began %v before main was gone", gone.Gone.Sub(next.Start))
				}
				release()
				if c.protection == "restart" {
					p.a.WaitLog(gateOf(p.a), `"holder":"`+p.b.Name+`"`, slow)
				}
			})
		}
	}
}

// strayGone fails the test if what was started beside main outlives the lease.
func (p *pair) strayGone() {
	p.Helper()
	since, end := time.Now(), p.renewals.Before(time.Now()).Add(p.Timing.TTL-p.Timing.Drift())
	for left := p.a.Processes(kube.Stray); len(left) > 0; left = p.a.Processes(kube.Stray) {
		if time.Now().After(end) {
			p.Fatalf("UNSAFE: main is gone, and what was started beside it lives: %v", left)
		}
		time.Sleep(5 * time.Millisecond) // the kernel tells nobody
	}
	p.Figure("main-gone-to-stray-gone", time.Since(since))
}

// A sidecar's gate that is killed once is started again by its twin, and adopts its lease: main is not disturbed.
func TestSidecarsGateIsReplaced(t *testing.T) {
	p := against(t, scenario.Opts{TTL: 30 * time.Second}, once(gated("kill")))
	killed := time.Now()
	p.a.Signal(kube.Sidecar, syscall.SIGKILL)
	p.a.Wait("has another gate", slow, p.a.HasSince(kube.Sidecar, killed))
	p.Figure("sidecar-killed-to-gate-back", p.a.Started(kube.Sidecar).Sub(killed))
	p.AwaitLock(p.Key, "adopted", slow, func(i mongolock.Info) bool {
		return len(i.History) > 0 && i.History[len(i.History)-1].How == "adopted"
	})
	p.a.WaitReady(slow)
	p.handed("free a", "adopted a")
	if runs := p.Runs(); len(runs) != 1 || !runs[0].Alive() {
		t.Errorf("main was disturbed: %v", runs)
	}
}
