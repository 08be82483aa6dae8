//go:build linux

package scenario_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// The kernel kills a gate for want of memory. It comes back in its pod and
// adopts its lease, under a new token: main is ended, with the gate or by it, and
// runs again. Nobody else gets the lock.
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
	} {
		t.Run(c.name, func(t *testing.T) {
			p := against(t, scenario.Opts{TTL: time.Minute, Kubernetes: versionFor(c.name)}, c.values)
			starved := time.Now()
			p.a.Starve(c.gate)
			// By its process: under follow one is in the place of the other before the witness looks again.
			p.a.Wait("runs its main anew", slow, func(*corev1.Pod) bool { return p.a.Started(kube.Main).After(starved) })
			p.Figure("gate-out-of-memory-to-main-running-"+c.name, p.a.Started(kube.Main).Sub(starved))
			p.a.Wait("had its gate killed for memory", slow, func(pod *corev1.Pod) bool {
				if c.name == "follow" { // its twin has started it again, and the container goes on
					return p.a.Started(c.gate).After(starved)
				}
				gate := kube.Container(pod, gateOf(p.a))
				last := gate.LastTerminationState.Terminated
				// Of a container that ended together with others the kubelet says only that.
				return gate.RestartCount > 0 && last != nil && (last.Reason == "OOMKilled" || c.name == "restart" && last.ExitCode == 137)
			})
			p.a.WaitReady(slow)
			p.handed("free a", "adopted a")
			for _, r := range p.Runs() {
				if r.Pod != string(p.a.UID) {
					t.Errorf("UNSAFE: ran elsewhere: %v", r)
				}
			}
		})
	}
}
