package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"
)

// Every protection with every kind, and with every feature, is either refused by name
// or passes all that the values files pass.
func TestChartMatrix(t *testing.T) {
	kinds := map[string]string{
		"Deployment":  "kind: Deployment",
		"StatefulSet": "kind: StatefulSet\nreplicas: 3",
		"Job":         "kind: Job",
		"Indexed":     "kind: Job\njob: {parallelism: 2, completions: 2, completionMode: Indexed}",
		"CronJob":     "kind: CronJob\ncronJob: {schedule: '*/5 * * * *'}\ngate: {bucket: none}",
	}
	features := map[string]string{
		"plain":   "{}",
		"kube":    "gate: {kube: {events: true, label: mongogate.dev/holder}}",
		"shared":  "gate: {shareProcessNamespace: true}",
		"ca":      "gate: {caBundle: {secret: authority}}",
		"metrics": "gate: {metrics: {enabled: true}}\npodMonitor: {enabled: true}\nnetworkPolicy: {enabled: true}",
		"init":    "gate: {init: {enabled: true}}",
		"nobody":  "podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}",
		"suffix":  "gate: {suffix: b}",
		"account": "serviceAccount: {name: mine}\ngate: {kube: {events: true}}",
		"long":    "fullnameOverride: a-name-that-is-as-long-as-a-name-of-an-indexed-job-may-be-and",
	}
	passed, refused := 0, 0
	for _, protection := range []string{"run", "follow", "restart", "kill", "sentinel"} {
		for kind, about := range kinds {
			for feature, more := range features {
				if feature != "plain" && kind != "Deployment" && kind != "Indexed" {
					continue // features and kinds have little to do with each other
				}
				v := values(t, leastApp+"\nports: [{name: http, containerPort: 8080}]")
				for _, text := range []string{about, more, "gate: {acceptGap: true, protection: " + protection + "}"} {
					v = merged(v, values(t, text))
				}
				name := protection + "/" + kind + "/" + feature
				r, err := helm(t, charts+"/mongogate", v, "v1.36.3")
				if protection == "run" && feature == "init" {
					if err == nil {
						t.Error(name, "rendered")
					}
					refused++
					continue
				}
				if err != nil {
					t.Error(name, err)
					continue
				}
				passed++
				objects, err := Decode(r.All())
				if err != nil {
					t.Error(name, err)
				}
				for _, p := range Check(objects) {
					t.Error(name, p)
				}
			}
		}
	}
	fmt.Printf("cases: charts: %d combinations accepted, %d refused\n", passed, refused)
}

// A null takes a default away: the platform chooses the user.
func TestChartUserOfThePlatform(t *testing.T) {
	v := merged(values(t, leastApp), values(t, "podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}\ngate: {securityContext: {readOnlyRootFilesystem: null}}"))
	r := must.Get(helm(t, charts+"/mongogate", v, "v1.36.3"))(t)
	for _, word := range []string{"runAsUser", "runAsGroup", "fsGroup", "null", "readOnlyRootFilesystem: false"} {
		if strings.Contains(r.Manifest+r.Hooks, word) {
			t.Errorf("rendered: %s", word)
		}
	}
	if got, want := strings.Count(r.Manifest, "readOnlyRootFilesystem: true"), 1; got != want {
		t.Errorf("%d containers with a read-only root, want %d: the null of the gate's has no effect", got, want)
	}
}

// The worker is a chart of one's own: the whole pod in one line, and the same in pieces.
func TestLibraryInAChartOfOnesOwn(t *testing.T) {
	for _, protection := range []string{"run", "sentinel"} {
		v := values(t, "mongogate: {protection: "+protection+", kube: {events: true}}")
		if protection == "sentinel" {
			v = merged(v, values(t, "mongogate: {init: {enabled: true}, kube: {events: false}}"))
		}
		r := must.Get(helm(t, "testdata/worker", v, "v1.36.3"))(t)
		objects := must.Get(Decode(r.All()))(t)
		if n := len(Workloads(objects)); n != 2 {
			t.Fatalf("%d workloads, want 2", n)
		}
		for _, p := range Check(objects) {
			t.Errorf("%s: %s", protection, p)
		}
	}
	if _, err := helm(t, "testdata/worker", values(t, "replicas: 2"), "v1.36.3"); err == nil || !strings.Contains(err.Error(), "replicas: 2: one that waits") {
		t.Errorf("two replicas: %v", err)
	}
	if _, err := helm(t, "testdata/worker", values(t, "mongogate: {protecton: kill}"), "v1.36.3"); err == nil || !strings.Contains(err.Error(), "protecton") {
		t.Errorf("a value with a slip: %v", err)
	}
}

// pod is the one workload's pod of a values file.
func podOf(t *testing.T, text string) Workload {
	t.Helper()
	r := must.Get(helm(t, charts+"/mongogate", values(t, text), "v1.36.3"))(t)
	objects := must.Get(Decode([]byte(r.Manifest)))(t)
	return Workloads(objects)[0]
}

func names(w Workload) (all []string) {
	for _, c := range w.Containers() {
		all = append(all, c.Name)
	}
	return all
}

// What has to come before what.
func TestChartOrderOfContainers(t *testing.T) {
	files := valuesFiles(t)
	for file, want := range map[string][]string{
		"run-deployment":       {"mongogate-install", "main"},
		"run-mesh":             {"proxy", "mongogate-install", "prepare", "main", "logs"},
		"follow-job":           {"mongogate-install", "mongogate-wait", "mongogate", "main"},
		"restart-deployment":   {"mongogate-epoch", "mongogate", "main"},
		"kill-deployment":      {"mongogate-epoch", "mongogate-wait", "mongogate", "main"},
		"sentinel-statefulset": {"mongogate-wait", "mongogate", "main"},
	} {
		if got := names(podOf(t, files[file])); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", file, got, want)
		}
	}
	// The epoch is first even where the database is reached through a sidecar.
	v := files["restart-deployment"] + "initContainers: [{name: proxy, image: x, restartPolicy: Always}]\n"
	v = strings.Replace(v, "protection: restart", "protection: restart\n  after: [proxy]", 1)
	if got, want := names(podOf(t, v)), []string{"mongogate-epoch", "proxy", "mongogate", "main"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Behind a sidecar the workload's own native sidecars carry the mark of the kill fence as well; what comes before the gate does not.
func TestChartMarks(t *testing.T) {
	w := podOf(t, valuesFiles(t)["kill-deployment"]+`
initContainers:
  - {name: proxy, image: x, restartPolicy: Always}
  - {name: shipper, image: x, restartPolicy: Always}
  - {name: once, image: x}
`)
	if got := marked(w); !slices.Equal(got, []string{"proxy", "shipper", "main"}) {
		t.Errorf("marked: %v", got)
	}
	w = podOf(t, strings.Replace(valuesFiles(t)["kill-deployment"], "protection: kill", "protection: kill\n  after: [proxy]\n  ungated: [shipper]", 1)+`
initContainers:
  - {name: proxy, image: x, restartPolicy: Always}
  - {name: shipper, image: x, restartPolicy: Always}
`)
	if got, spared := marked(w), spared(w); !slices.Equal(got, []string{"main"}) || !slices.Equal(spared, []string{"proxy", "shipper"}) {
		t.Errorf("marked: %v, spared: %v", got, spared)
	}
	// Where nobody looks at processes there is nothing to be spared.
	w = podOf(t, valuesFiles(t)["run-mesh"])
	if got := spared(w); len(got) > 0 {
		t.Errorf("spared under run: %v", got)
	}
	// Injected containers are known by their programs.
	w = podOf(t, strings.Replace(valuesFiles(t)["kill-deployment"], "protection: kill", "protection: kill\n  spare: [pilot-agent, linkerd2-proxy]", 1))
	for _, c := range w.Containers() {
		for _, v := range c.Env {
			if v.Name == "MONGOGATE_SPARE" && v.Value == "pilot-agent,linkerd2-proxy" {
				return
			}
		}
	}
	t.Error("nobody is told of gate.spare")
}

// marked are the containers that are the workload, whatever they begin with.
func marked(w Workload) []string { return with(w, "MONGOGATE_WORKLOAD") }

// spared are the containers that may run without the lock.
func spared(w Workload) []string { return with(w, "MONGOGATE_SPARED") }

func with(w Workload, name string) (all []string) {
	for _, c := range w.Containers() {
		if slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == name }) {
			all = append(all, c.Name)
		}
	}
	return all
}

// The workload's own probes are asked through the gate, by the same question and at the same times.
func TestChartProbes(t *testing.T) {
	c := podOf(t, valuesFiles(t)["run-probes"]).Pod.Spec.Containers[0]
	say := func(p *corev1.Probe) string {
		if p == nil || p.Exec == nil {
			return "none"
		}
		return fmt.Sprintf("%s every %d fails %d", strings.Join(p.Exec.Command, " "), p.PeriodSeconds, p.FailureThreshold)
	}
	for probe, want := range map[*corev1.Probe]string{
		c.StartupProbe:   "/opt/mongogate/mongogate probe startup -- http://localhost:8080/started every 5 fails 30",
		c.LivenessProbe:  "/opt/mongogate/mongogate probe live -- /bin/sh -c test -e /tmp/alive every 5 fails 33",
		c.ReadinessProbe: "/opt/mongogate/mongogate probe ready -- tcp://localhost:8080 every 0 fails 0",
	} {
		if got := say(probe); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if got, want := strings.Join(c.Command, " "), `/opt/mongogate/mongogate run -- /bin/sh -c while :; do sleep 1; done`; got != want || !slices.Equal(c.Args, []string{"serve"}) {
		t.Errorf("command %s, args %v", got, c.Args)
	}
}
