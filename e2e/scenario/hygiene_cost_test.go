//go:build linux

package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// What a gate costs while it holds, and while it waits: memory and processor
// time of the sidecar's container, its probes included. The chart asks for
// 5 millicores, and that is the bound. With the API: Events, the holder's label and the pod's own status.
func TestHygieneCostOfTheGate(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	t.Run("plain", func(t *testing.T) { costs(t, gated("sentinel")) })
	t.Run("with the API", func(t *testing.T) {
		costs(t, gated("sentinel", kube.Values{"kube": kube.Values{"events": true, "label": "mongogate.dev/holder", "evidence": true}}))
	})
}

func costs(t *testing.T, values kube.Values) {
	const (
		memoryLimit = 64 << 20 // the chart's
		cpuBound    = 5        // millicores, which the chart asks for
	)
	p := inTwo(t, scenario.Opts{Background: true, TTL: 30 * time.Second}, values)
	what := strings.ReplaceAll(t.Name()[strings.Index(t.Name(), "/")+1:], "_", "-")
	p.a.WaitReady(slow)
	began := time.Now()
	before := map[*kube.Pod]time.Duration{p.a: p.a.CPUOf(kube.Sidecar), p.b: p.b.CPUOf(kube.Sidecar)}
	since := p.Lock(p.Key).Touched
	p.AwaitLock(p.Key, "renewed for a minute", slow, func(i mongolock.Info) bool { return i.Touched.Sub(since) > time.Minute })
	for role, pod := range map[string]*kube.Pod{"holds": p.a, "waits": p.b} {
		used, took := pod.CPUOf(kube.Sidecar)-before[pod], time.Since(began)
		memory, version := pod.MemoryOf(kube.Sidecar)
		figure := "gate-" + what + "-that-" + role
		p.Figure(figure+"-cpu-cgroup-"+version, fmt.Sprintf("%.1f millicores", 1000*used.Seconds()/took.Seconds()))
		if millicores := 1000 * used.Seconds() / took.Seconds(); millicores > cpuBound {
			t.Errorf("the gate that %s takes %.1f millicores, bound %d", role, millicores, cpuBound)
		}
		p.Figure(figure+"-memory-cgroup-"+version, fmt.Sprintf("%.1f MiB", float64(memory)/(1<<20)))
		anonymous, kernel, file := pod.PartsOf(kube.Sidecar)
		p.Figure(figure+"-memory-parts", fmt.Sprintf("%.1f MiB anonymous, %.1f kernel, %.1f files", float64(anonymous)/(1<<20), float64(kernel)/(1<<20), float64(file)/(1<<20)))
		p.Figure(figure+"-resident", fmt.Sprintf("%.1f MiB", float64(pod.ResidentOf(kube.Sidecar))/(1<<20)))
		if memory > memoryLimit/2 {
			t.Errorf("the gate that %s takes %d bytes, more than half of its limit", role, memory)
		}
		if n := kube.Container(pod.Pod, "mongogate").RestartCount; n != 0 {
			t.Errorf("the gate that %s was restarted %d times", role, n)
		}
	}
}
