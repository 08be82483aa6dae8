//go:build linux

package scenario_test

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// lossesOfGate says how often each loss of a gate is tried; E2E_GATE_LOSSES for more than the one that CI does.
func lossesOfGate(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("E2E_GATE_LOSSES"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// A sidecar's gate that is stopped from the machine, again and again so that nothing wakes it for long, or killed whenever
// there is one: its twin stops main, or tells it, before the lease ends, and the other cluster runs after that. What
// kubectl exec has started in main's container, without an environment, is gone as well under the fence kill.
func TestLossOfSidecarsGate(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	obeying := gated("sentinel").With(kube.Values{"args": []any{"-obey=/run/mongogate/lost"}})
	for _, c := range []struct {
		name, protection string
		ttl              time.Duration
		values           kube.Values
		harm             func(*kube.Pod)
	}{
		{"kill-frozen", "kill", lossTTL, once(gated("kill").With(stubborn)), func(p *kube.Pod) { p.KeepStopped(kube.Sidecar) }},
		{"kill-killed", "kill", lossTTL, once(gated("kill").With(stubborn)), func(p *kube.Pod) { p.KeepDown(kube.Sidecar) }},
		{"kill-both-stopped", "kill", lossTTL, once(gated("kill").With(stubborn)), func(p *kube.Pod) {
			p.Signal(kube.Sidecar, syscall.SIGSTOP)
			p.Signal(kube.Twin, syscall.SIGSTOP)
		}},
		{"sentinel-frozen", "sentinel", lossTTL, once(obeying), func(p *kube.Pod) { p.KeepStopped(kube.Sidecar) }},
		{"sentinel-killed", "sentinel", lossTTL, once(obeying), func(p *kube.Pod) { p.KeepDown(kube.Sidecar) }},
		{"restart-frozen", "restart", restartTTL, restarting, func(p *kube.Pod) { p.KeepStopped(kube.Sidecar) }},
	} {
		for i := range lossesOfGate(t) {
			t.Run(c.name+"-"+strconv.Itoa(i+1), func(t *testing.T) {
				p := against(t, scenario.Opts{TTL: c.ttl, Kubernetes: versionFor(c.protection)}, c.values)
				if c.protection == "kill" {
					if _, err := p.a.Exec("main", "sh", "-c", "env -i sleep 5005 >/dev/null 2>&1 &"); err != nil {
						t.Fatal(err)
					}
					p.a.Wait("runs the stray", slow, p.a.Has(kube.Stray))
				}
				since := time.Now()
				c.harm(p.a)
				gone := p.lost("sidecar-lost", c.name, since)
				if left := p.a.Processes(kube.Stray); len(left) > 0 && c.protection == "kill" {
					t.Errorf("UNSAFE: main is gone, and what was started beside it lives: %v", left)
				}
				next := p.AwaitRun(p.b, p.TakenOver()+slow)
				p.Figure("sidecar-lost-to-successor-running-"+c.name, next.Start.Sub(since))
				if next.Start.Before(gone.Gone) {
					t.Errorf("UNSAFE: the successor began %v before main was gone", gone.Gone.Sub(next.Start))
				}
			})
		}
	}
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
