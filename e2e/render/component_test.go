package render

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// a workload as somebody has it before he hears of this project
const theirs = `
apiVersion: %s
kind: %s
metadata:
  name: theirs
  labels: {app: theirs, mongogate.dev/protection: %s}
spec:
%s
`

const theirPod = `
metadata:
  labels: {app: theirs}
  annotations: {mongogate.dev/key: %q, theirs: kept, mongogate.dev/accept-gap: "true", mongogate.dev/bucket: %q, mongogate.dev/spare: "pilot-agent,envoy"}
spec:
  restartPolicy: %s
  automountServiceAccountToken: false
  securityContext: {runAsUser: 1000, runAsNonRoot: true, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  initContainers:
    - name: migrate
      image: example.org/app:1
      securityContext: &safe {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
  containers:
    - name: app
      image: example.org/app:1
      command: [/app, --serve]
      resources: {requests: {memory: 64Mi}}
      env: [{name: THEIRS, value: kept}, {name: POD_NAMESPACE, value: theirs}, {name: MY_POD_NAME, value: theirs}]
      volumeMounts: [{name: data, mountPath: /data}]
      securityContext: *safe
  volumes: [{name: data, emptyDir: {}}]
`

func indent(s string, by int) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+strings.Repeat(" ", by))
}

// manifest is their workload of a kind.
func manifest(kind, protection string) string {
	pod := func(key, bucket, restart string, by int) string {
		return strings.Repeat(" ", by) + indent(fmt.Sprintf(theirPod, key, bucket, restart), by)
	}
	switch kind {
	case "StatefulSet":
		return fmt.Sprintf(theirs, "apps/v1", kind, protection, "  replicas: 2\n  serviceName: theirs\n  selector: {matchLabels: {app: theirs}}\n  template:\n"+pod("", "", "Always", 4))
	case "Job":
		return fmt.Sprintf(theirs, "batch/v1", kind, protection, "  template:\n"+pod("theirs", "none", "Never", 4))
	case "CronJob":
		return fmt.Sprintf(theirs, "batch/v1", kind, protection, "  schedule: '0 3 * * *'\n  timeZone: Etc/UTC\n  startingDeadlineSeconds: 600\n  jobTemplate:\n    spec:\n      template:\n"+pod("", "", "Never", 8))
	default:
		return fmt.Sprintf(theirs, "apps/v1", kind, protection, "  selector: {matchLabels: {app: theirs}}\n  template:\n"+pod("theirs", "", "Always", 4))
	}
}

// overlay builds their manifests with components of ours.
func overlay(t *testing.T, manifests []string, components ...string) ([]runtime.Object, error) {
	t.Helper()
	dir := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
	ours := must.Get(filepath.Abs(kustomizations))(t)
	ours = must.Get(filepath.Rel(dir, ours))(t)
	k := "resources:\n"
	for i, m := range manifests {
		name := fmt.Sprintf("theirs-%d.yaml", i)
		must.Do(t, os.WriteFile(filepath.Join(dir, name), []byte(m), 0o600))
		k += "  - " + name + "\n"
	}
	if slices.ContainsFunc(components, func(c string) bool {
		return slices.Contains([]string{"events", "holder-label", "evidence", "kube-owner"}, c)
	}) {
		k += "  - " + ours + "/base/service-account\n"
	}
	if len(components) > 0 {
		k += "components:\n"
	}
	for _, c := range components {
		k += "  - " + ours + "/components/" + c + "\n"
	}
	must.Do(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(k), 0o600))
	return build(dir)
}

// Every component, on every kind that it is for, beside everything that it may stand beside.
func TestComponents(t *testing.T) {
	long := []string{"Deployment", "StatefulSet"}
	pods := append(slices.Clone(long), "Job")
	all := append(slices.Clone(pods), "CronJob")
	cases := []struct {
		protection string
		beside     []string
		kinds      []string
		takes      func(Gate) bool // whether the component has taken effect on one of the gates
	}{
		{"run", nil, all, func(g Gate) bool {
			return g.Command == "run" && g.Lock.Key != "" && slices.Equal(g.Wraps, []string{"/app", "--serve"})
		}},
		{"follow", nil, pods, func(g Gate) bool { return g.Follow && slices.Equal(g.Wraps, []string{"/app", "--serve"}) }},
		{"restart", nil, pods, func(g Gate) bool { return g.Protects("restart") }},
		{"kill", nil, pods, func(g Gate) bool { return g.Protects("kill") }},
		{"sentinel", nil, pods, func(g Gate) bool { return g.Sentinel == "/run/mongogate/lost" }},
		{"kill", []string{"init-sidecar", "ca-bundle"}, pods, func(g Gate) bool { return g.Command == "init" && g.TLSCAFile != "" }},
		{"kill", []string{"init-sidecar"}, pods, func(g Gate) bool { return g.Command == "init" }},
		{"sentinel", []string{"init-sidecar"}, pods, func(g Gate) bool { return g.Command == "init" }},
		{"run", []string{"candidate", "holder-label"}, []string{"Deployment"}, func(g Gate) bool { return g.Readiness == "candidate" }},
		{"run", []string{"events"}, all, func(g Gate) bool { return g.KubeEvents }},
		{"run", []string{"holder-label"}, all, func(g Gate) bool { return g.KubeLabel == HolderLabel }},
		{"run", []string{"kube-owner"}, []string{"CronJob"}, func(g Gate) bool { return g.KubeOwner }},
		{"run", []string{"events", "kube-owner"}, []string{"CronJob"}, func(g Gate) bool { return g.KubeEvents && g.KubeOwner }},
		{"run", []string{"ca-bundle"}, all, func(g Gate) bool { return g.TLSCAFile == "/etc/mongogate/ca/ca.crt" }},
		{"run", []string{"metrics"}, long, func(g Gate) bool { return g.MetricsAddress == ":9464" }},
	}
	for _, p := range []string{"follow", "restart", "kill", "sentinel"} {
		cases = append(cases, []struct {
			protection string
			beside     []string
			kinds      []string
			takes      func(Gate) bool
		}{
			{p, []string{"events"}, pods, func(g Gate) bool { return g.KubeEvents }},
			{p, []string{"holder-label"}, pods, func(g Gate) bool { return g.KubeLabel == HolderLabel }},
			{p, []string{"ca-bundle"}, pods, func(g Gate) bool { return g.TLSCAFile == "/etc/mongogate/ca/ca.crt" }},
			{p, []string{"metrics"}, long, func(g Gate) bool { return g.MetricsAddress == ":9464" }},
			{p, []string{"events", "holder-label", "ca-bundle"}, pods, func(g Gate) bool { return g.KubeEvents && g.KubeLabel != "" }},
		}...)
		if p != "follow" { // whose follower's word is evidence already
			cases = append(cases, cases[0])
			cases[len(cases)-1].protection, cases[len(cases)-1].beside, cases[len(cases)-1].kinds = p, []string{"evidence", "events"}, []string{"Job"}
			cases[len(cases)-1].takes = func(g Gate) bool { return g.KubeEvidence }
			cases = append(cases, cases[0])
			cases[len(cases)-1].protection, cases[len(cases)-1].beside, cases[len(cases)-1].kinds = p, []string{"spare"}, pods
			cases[len(cases)-1].takes = func(g Gate) bool { return slices.Equal(g.Spare, []string{"pilot-agent", "envoy"}) }
		}
	}
	var checked int
	used := map[string]bool{}
	for _, c := range cases {
		components := append([]string{c.protection}, c.beside...)
		for _, kind := range c.kinds {
			t.Run(strings.Join(components, "+")+"/"+kind, func(t *testing.T) {
				objects := must.Get(overlay(t, []string{manifest(kind, c.protection)}, components...))(t)
				for _, p := range Check(objects) {
					t.Error(p)
				}
				w := Workloads(objects)[0]
				gates, _ := Gates(w, objects)
				if !slices.ContainsFunc(gates, func(g Gate) bool { return g.Settings != nil && c.takes(g) }) {
					t.Errorf("%v: no effect on any gate", components)
				}
				kept(t, w)
				checked++
			})
		}
		for _, name := range components {
			used[name] = true
		}
	}
	for _, dir := range directories(t, "components/*") {
		if !used[filepath.Base(dir)] {
			t.Errorf("component %s is tested by nobody", filepath.Base(dir))
		}
	}
	t.Logf("checked %d overlays of %d components", checked, len(used))
	if checked < 101 {
		t.Error("fewer than there were: something is not looked at any more")
	}
}

// kept says whether everything of theirs is still there.
func kept(t *testing.T, w Workload) {
	t.Helper()
	app := w.Pod.Spec.Containers[0]
	switch {
	case app.Name != "app" || len(w.Pod.Spec.Containers) != 1:
		t.Errorf("containers: %v", w.Pod.Spec.Containers)
	case !slices.Equal(app.Env[:3], []corev1.EnvVar{{Name: "THEIRS", Value: "kept"}, {Name: "POD_NAMESPACE", Value: "theirs"}, {Name: "MY_POD_NAME", Value: "theirs"}}):
		t.Errorf("their variable is gone: %v", app.Env)
	case app.VolumeMounts[0].Name != "data" || w.Pod.Annotations["theirs"] != "kept" || w.Pod.Labels["app"] != "theirs":
		t.Error("their mount, annotation or label is gone")
	case !slices.ContainsFunc(w.Pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "migrate" }):
		t.Error("their init container is gone")
	}
}

func TestWorkloadWithoutTheLabelIsLeftAlone(t *testing.T) {
	plain := must.Get(overlay(t, []string{manifest("Deployment", "none")}))(t)
	for _, dir := range directories(t, "components/*") {
		got := must.Get(overlay(t, []string{manifest("Deployment", "none")}, filepath.Base(dir)))(t)
		if !reflect.DeepEqual(Workloads(got), Workloads(plain)) {
			t.Errorf("component %s changes it", filepath.Base(dir))
		}
	}
}

// The gate cannot know what an image starts by itself.
func TestWrapperWithoutCommandIsRefused(t *testing.T) {
	for _, c := range []string{"run", "follow"} {
		m := strings.Replace(manifest("Deployment", c), "command: [/app, --serve]", "args: [--serve]", 1)
		if _, err := overlay(t, []string{m}, c); err == nil || !strings.Contains(err.Error(), "/containers/0/command/0") {
			t.Errorf("%s: want an error that names the missing command, got %v", c, err)
		}
	}
}

// Components share a sidecar; one workload's must not change another's, in any order.
func TestSeveralWorkloadsInOneKustomization(t *testing.T) {
	protections := []string{"follow", "kill", "run", "restart", "sentinel"}
	for range protections {
		protections = append(protections[1:], protections[0])
		var manifests []string
		for _, p := range protections {
			manifests = append(manifests, strings.ReplaceAll(manifest("Deployment", p), "name: theirs\n", "name: "+p+"\n"))
		}
		objects := must.Get(overlay(t, manifests, protections...))(t)
		if n := len(Workloads(objects)); n != len(protections) {
			t.Errorf("%d workloads", n)
		}
		for _, p := range Check(objects) {
			t.Errorf("%v: %s", protections, p)
		}
	}
}
