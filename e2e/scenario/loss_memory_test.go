//go:build linux

package scenario_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// The kernel kills a gate for want of memory. It comes back in its pod and
// adopts its lease, under a new token: main is ended, with the gate or by it, and
// runs again; under kill and sentinel it is not disturbed. Nobody else gets the lock. E2E_GATE_LOSSES is how often each is tried.
func TestLossGateOutOfMemory(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name   string
		values kube.Values
		gate   kube.Role
	}{
		{"run", gated("run"), kube.Gate},
		{"follow", gated("follow"), kube.Sidecar},
		{"restart", restarting, kube.Sidecar},
		{"kill", once(gated("kill")), kube.Sidecar},
		{"sentinel", gated("sentinel"), kube.Sidecar},
	} {
		for i := range times(t, "E2E_GATE_LOSSES", 1) {
			t.Run(c.name+"-"+strconv.Itoa(i+1), func(t *testing.T) { outOfMemory(t, c.name, c.values, c.gate) })
		}
	}
}

func outOfMemory(t *testing.T, protection string, values kube.Values, gate kube.Role) {
	t.Helper()
	p := against(t, scenario.Opts{TTL: time.Minute, Kubernetes: versionFor(protection)}, values)
	goesOn := protection == "kill" || protection == "sentinel" // main, and the container of the gate too, as under follow
	starved := time.Now()
	p.a.Starve(gate)
	if !goesOn {
		// By its process: under follow one is in the place of the other before the witness looks again.
		p.a.Wait("runs its main anew", slow, func(*corev1.Pod) bool { return p.a.Started(kube.Main).After(starved) })
		p.Figure("gate-out-of-memory-to-main-running-"+protection, p.a.Started(kube.Main).Sub(starved))
	}
	p.a.Wait("had its gate killed for memory", slow, func(pod *corev1.Pod) bool {
		if goesOn || protection == "follow" { // its twin has started it again
			return p.a.Started(gate).After(starved)
		}
		gate := kube.Container(pod, gateOf(p.a))
		last := gate.LastTerminationState.Terminated
		// Of a container that ended together with others the kubelet says only that.
		return gate.RestartCount > 0 && last != nil && (last.Reason == "OOMKilled" || protection == "restart" && last.ExitCode == 137)
	})
	if goesOn {
		p.Figure("gate-out-of-memory-to-gate-back-"+protection, p.a.Started(gate).Sub(starved))
		p.AwaitLock(p.Key, "adopted", slow, func(i mongolock.Info) bool {
			return len(i.History) > 0 && i.History[len(i.History)-1].How == "adopted"
		})
	}
	p.a.WaitReady(slow)
	// The next gate may be killed for want of memory as well, before or after it has adopted the lease.
	if went := slices.Compact(p.went()); !slices.Equal(went, []string{"free a", "adopted a"}) {
		t.Errorf("the lock went %q", went)
	}
	runs := p.Runs()
	for _, r := range runs {
		if r.Pod != string(p.a.UID) {
			t.Errorf("UNSAFE: ran elsewhere: %v", r)
		}
	}
	if goesOn && (len(runs) != 1 || !runs[0].Alive()) {
		t.Errorf("main was disturbed: %v", runs)
	}
}
