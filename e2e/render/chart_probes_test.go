package render

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"
)

// probeRefusals are ports that two would listen on.
var probeRefusals = []refusal{
	{why: "one port for metrics and probes", values: "gate: {metrics: {enabled: true}, probes: {port: 9095}}", want: []string{"metrics.port and probes.port are both 9095: set another probes.port"}},
	{why: "the workload's port for probes", values: "ports: [{containerPort: 29017}]", want: []string{"container main and probes.port are both 29017, and containers of a pod share their ports: set another probes"}},
	{why: "the workload's port for the follower", values: "ports: [{containerPort: 29018}]\ngate: {protection: follow}", want: []string{"container main and probes.port + 1 are both 29018, and containers of a pod share their ports: set another probes.port"}},
}

// A probe by exec is a process of ours and one of the container runtime, each time: by default no probe of a gate's own is one. A standby's startup probe is
// answered when there is an answer, and so is no failure each second.
func TestChartProbesOfTheGate(t *testing.T) {
	for _, protection := range []string{"run", "follow", "restart", "kill", "sentinel"} {
		for _, c := range []struct {
			more       string
			http       bool
			host, bind string
		}{
			{"{}", true, "", ":29017"},
			{"gate: {probes: {port: 30999}}", true, "", ":30999"},
			{"gate: {probes: {by: exec}}", false, "", ""},
			{"hostNetwork: true\ndnsPolicy: Default", false, "", ""},
			{"hostNetwork: true\ndnsPolicy: Default\ngate: {probes: {by: http}}", true, "127.0.0.1", "127.0.0.1:29017"},
			{"gate: {suffix: b}", true, "", ":29017"},
		} {
			text := leastApp + "\n"
			v := merged(merged(values(t, text), values(t, c.more)), values(t, "gate: {acceptGap: true, protection: "+protection+"}"))
			r, err := helm(t, charts+"/mongogate", v, "v1.36.3")
			if err != nil {
				t.Errorf("%s, %s: %v", protection, c.more, err)
				continue
			}
			objects := must.Get(Decode([]byte(r.Manifest)))(t)
			for _, p := range Check(objects) {
				if !strings.Contains(c.more, "hostNetwork") || !strings.Contains(p, "PodSecurity restricted") {
					t.Errorf("%s, %s: %s", protection, c.more, p)
				}
			}
			asked := 0
			for _, x := range Workloads(objects)[0].Containers() {
				for _, p := range probes(x) {
					asked++
					if (p.HTTPGet != nil) != c.http || c.http && p.HTTPGet.Host != c.host {
						t.Errorf("%s, %s: %s is asked by %v", protection, c.more, x.Name, p.ProbeHandler)
					}
				}
				if p := x.StartupProbe; p != nil {
					checkBarrier(t, protection+", "+c.more, p)
				}
				at := slices.IndexFunc(x.Env, func(v corev1.EnvVar) bool { return v.Name == "MONGOGATE_PROBE_ADDRESS" })
				if c.http && (x.Name == "main" && protection == "run" || strings.HasPrefix(x.Name, "mongogate") && len(x.Args) == 1 && x.Args[0] == "sidecar") && (at < 0 || x.Env[at].Value != c.bind) {
					t.Errorf("%s, %s: %s does not answer at %s", protection, c.more, x.Name, c.bind)
				}
			}
			if asked < 2 {
				t.Errorf("%s, %s: %d probes", protection, c.more, asked)
			}
		}
	}
}

// checkBarrier: whoever waits is asked seldom, and never too seldom.
func checkBarrier(t *testing.T, where string, p *corev1.Probe) {
	t.Helper()
	if p.Exec != nil {
		if p.PeriodSeconds < 5 {
			t.Errorf("%s: a process each %d s", where, p.PeriodSeconds)
		}
		return
	}
	_, text, _ := strings.Cut(p.HTTPGet.Path, "?wait=")
	wait, err := time.ParseDuration(text)
	if err != nil || wait < time.Minute || wait > 10*time.Minute || time.Duration(p.TimeoutSeconds)*time.Second < wait+5*time.Second || p.PeriodSeconds > 1 {
		t.Errorf("%s: asked at %s, every %d s, for %d s", where, p.HTTPGet.Path, p.PeriodSeconds, p.TimeoutSeconds)
	}
}

// The workload's own probes stay its own: passed on by exec at its own times, for its answers are no business of the network's.
func TestChartOwnProbesStay(t *testing.T) {
	w := podOf(t, leastApp+"readinessProbe: {exec: {command: [/ready]}, periodSeconds: 7}\nports: [{containerPort: 80}]")
	main := w.Pod.Spec.Containers[0]
	if p := main.ReadinessProbe; p.Exec == nil || strings.Join(p.Exec.Command, " ") != "/opt/mongogate/mongogate probe ready -- /ready" || p.PeriodSeconds != 7 {
		t.Errorf("%v", p)
	}
	if p := main.LivenessProbe; p.HTTPGet == nil {
		t.Errorf("%v", p)
	}
}

// The sidecars of kustomize are asked in the same way.
func TestSamplesProbesOfTheGate(t *testing.T) {
	count := 0
	for _, dir := range directories(t, "samples/*") {
		objects := must.Get(build(dir))(t)
		for _, w := range Workloads(objects) {
			for _, x := range w.Containers() {
				if len(x.Args) == 1 && x.Args[0] == "sidecar" {
					for _, p := range probes(x) {
						if count++; p.HTTPGet == nil {
							t.Errorf("%s: %s is asked by %v", dir, x.Name, p.ProbeHandler)
						}
					}
					if x.StartupProbe != nil {
						checkBarrier(t, dir, x.StartupProbe)
					}
				}
			}
		}
	}
	if count < 10 {
		t.Errorf("%d probes", count)
	}
}
