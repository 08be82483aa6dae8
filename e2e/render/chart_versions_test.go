package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"helm.sh/helm/v4/pkg/action"
	appsv1 "k8s.io/api/apps/v1"
)

// What helm lint says: nothing.
func TestChartLint(t *testing.T) {
	lint := action.NewLint()
	lint.Strict, lint.Namespace = true, "team"
	for _, c := range []struct{ dir, values string }{{"/mongogate", leastApp}, {"/mongogate-lib", "{}"}} {
		r := lint.Run([]string{charts + c.dir}, values(t, c.values))
		for _, m := range r.Messages {
			if !strings.Contains(m.Err.Error(), "icon is recommended") {
				t.Errorf("%s: %v", c.dir, m)
			}
		}
		if r.TotalChartsLinted != 1 {
			t.Errorf("%s: %d charts linted", c.dir, r.TotalChartsLinted)
		}
	}
}

// Native sidecars came with 1.29; what newer versions add is left out for older ones.
func TestChartVersionsOfKubernetes(t *testing.T) {
	v := merged(values(t, leastApp), values(t, "kind: StatefulSet\nreplicas: 2"))
	if _, err := helm(t, charts+"/mongogate", v, "v1.28.15"); err == nil || !strings.Contains(err.Error(), "kubeVersion: >=1.29.0-0") {
		t.Errorf("1.28: %v", err)
	}
	for version, want := range map[string]string{"v1.29.0-eks-1": "", "v1.34.4": "", "v1.35.0": "100%", "v1.36.3-gke.1": "100%"} {
		r, err := helm(t, charts+"/mongogate", v, version)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		objects := must.Get(Decode([]byte(r.Manifest)))(t)
		got := ""
		if u := Workloads(objects)[0].Object.(*appsv1.StatefulSet).Spec.UpdateStrategy.RollingUpdate; u != nil {
			got = u.MaxUnavailable.String()
		}
		if got != want {
			t.Errorf("%s: maxUnavailable %q, want %q", version, got, want)
		}
	}
	if _, err := helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, "gate: {protection: restart}")), "v1.36.0-eks-3"); err != nil {
		t.Errorf("restart on a provider's 1.36: %v", err)
	}
}

// Two gates of one pod: the library under two aliases, told apart by the suffix.
func TestLibraryTwiceInOnePod(t *testing.T) {
	r := must.Get(helm(t, "testdata/twice", nil, "v1.36.3"))(t)
	objects := must.Get(Decode([]byte(r.Manifest)))(t)
	w := Workloads(objects)[0]
	want := []string{"mongogate-epoch-region", "mongogate-region", "mongogate-install", "work"}
	if got := names(w); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, p := range Check(objects) {
		t.Error(p)
	}
	gates, _ := Gates(w, objects)
	var keys []string
	for _, g := range gates {
		if g.Settings != nil && (g.Command == "run" || g.Command == "sidecar") {
			keys = append(keys, g.Lock.Key)
		}
	}
	slices.Sort(keys)
	if len(keys) != 2 || !strings.HasSuffix(keys[0], "/region") || !strings.HasSuffix(keys[1], "/writer") {
		t.Errorf("keys %v", keys)
	}
}
