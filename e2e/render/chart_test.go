package render

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"sigs.k8s.io/yaml"
)

// charts is where the charts are; hack/mutants names a copy in which a protection is taken away.
var charts = cmp.Or(os.Getenv("MONGOGATE_TEST_CHARTS"), "../../charts")

// rendered is what `helm template` gives for one set of values.
type rendered struct {
	Manifest, Notes string
	// Hooks are the manifests of `helm test`.
	Hooks string
}

// All is every object, those of hooks as well.
func (r rendered) All() []byte { return []byte(r.Manifest + "\n---\n" + r.Hooks) }

// helm renders a chart as `helm template` does: values checked against the
// schemas, capabilities as given, no cluster.
func helm(t *testing.T, dir string, values map[string]any, kube string) (rendered, error) {
	t.Helper()
	return helmChart(t, load(t, dir), values, kube)
}

func load(t *testing.T, dir string) *chart.Chart {
	t.Helper()
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatalf("loading %s: %v", dir, err)
	}
	if dir == charts+"/mongogate" { // with the library as it stands beside it; TestChartBringsTheLibrary holds the copy against it
		lib := must.Get(loader.Load(charts + "/mongogate-lib"))(t)
		c.SetDependencies(lib)
	}
	return c
}

// helmChart renders a chart that is in memory.
func helmChart(t *testing.T, c *chart.Chart, values map[string]any, kube string) (rendered, error) {
	t.Helper()
	version := must.Get(common.ParseKubeVersion(kube))(t)
	install := action.NewInstall(new(action.Configuration))
	install.DryRunStrategy, install.ReleaseName, install.Namespace, install.KubeVersion = action.DryRunClient, "demo", "team", version
	out, err := install.RunWithContext(context.Background(), c, values)
	if err != nil {
		return rendered{}, err
	}
	rel := out.(*release.Release)
	r := rendered{Manifest: rel.Manifest, Notes: rel.Info.Notes}
	for _, h := range rel.Hooks {
		r.Hooks += "---\n" + h.Manifest + "\n"
	}
	return r, nil
}

func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("values: %v\n%s", err, text)
	}
	return v
}

func read(t *testing.T, path string) string {
	t.Helper()
	b := must.Get(os.ReadFile(path))(t)
	return string(b)
}

// valuesFiles are the charts' examples, by name.
func valuesFiles(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(charts + "/mongogate/ci/*-values.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no values files: %v", err)
	}
	all := map[string]string{}
	for _, p := range paths {
		all[strings.TrimSuffix(filepath.Base(p), "-values.yaml")] = read(t, p)
	}
	return all
}

// Every values file of the chart makes objects that Kubernetes, PodSecurity and the gate itself accept.
func TestChartValuesFiles(t *testing.T) {
	files := valuesFiles(t)
	modes := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		t.Run(name, func(t *testing.T) {
			v := values(t, files[name])
			r := must.Get(helm(t, charts+"/mongogate", v, "v1.36.3"))(t)
			again, err := helm(t, charts+"/mongogate", values(t, files[name]), "v1.36.3")
			if err != nil || again != r {
				t.Errorf("the second render differs from the first: %v", err)
			}
			objects, err := Decode(r.All())
			if err != nil {
				t.Fatalf("%v\n%s", err, r.All())
			}
			for _, p := range Check(objects) {
				t.Error(p)
			}
			for _, w := range Workloads(objects) {
				if w.Kind != "Pod" { // of helm test
					modes[w.Kind+" "+w.Pod.Labels[ProtectionLabel]] = true
				}
			}
			if t.Failed() {
				t.Logf("rendered:\n%s", r.All())
			}
		})
	}
	fmt.Printf("cases: charts: %d values files: %s\n", len(files), strings.Join(slices.Sorted(maps.Keys(modes)), ", "))
}

// Templates that ask the cluster (but for what runs now, which only refuses), draw lots or read the clock render differently in Argo CD and Flux.
func TestChartsAskNoCluster(t *testing.T) {
	count := 0
	err := filepath.WalkDir(charts, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/templates/") {
			return err
		}
		count++
		for _, word := range []string{"lookup", "rand", "uuidv4", "genCA", "genSelfSignedCert", "now ", "env ", "getHostByName"} {
			for line := range strings.Lines(read(t, path)) {
				if strings.Contains(line, "{{") && strings.Contains(line, " "+word+" ") || strings.Contains(line, "("+word) {
					if word == "lookup" && (strings.HasSuffix(path, "/_lock.tpl") || strings.HasSuffix(path, "/_store.tpl")) {
						continue // TestChartKeepsTheLock shows that what is found changes nothing that is rendered
					}
					t.Errorf("%s uses %s: %s", path, word, strings.TrimSpace(line))
				}
			}
		}
		return nil
	})
	if err != nil || count < 10 {
		t.Fatalf("%d templates read: %v", count, err)
	}
}

// copyLibrary holds the copy of the library in the application chart against the library, or makes it anew with -update. A link would do for
// a checkout, but Helm warns of it at each command, and a copy of the chart's directory would be without its library.
func copyLibrary(t *testing.T) {
	t.Helper()
	from, to := charts+"/mongogate-lib", charts+"/mongogate/charts/mongogate-lib"
	known := map[string]bool{}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "README.md" {
			return err
		}
		name := strings.TrimPrefix(path, from)
		known[to+name] = true
		golden(t, to+name, func(string) string { return read(t, path) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must.Do(t, filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Type()&fs.ModeSymlink != 0:
			t.Errorf("%s is a link", path)
		case !d.IsDir() && !known[path] && *update:
			return os.Remove(path)
		case !d.IsDir() && !known[path]:
			t.Errorf("%s is not in the library; run: make charts", path)
		}
		return nil
	}))
}

// A checkout is enough, and so is a copy of the chart's directory: the application chart brings the library along, as it is beside it.
func TestChartBringsTheLibrary(t *testing.T) {
	copyLibrary(t)
	c := must.Get(loader.Load(charts + "/mongogate"))(t)
	lib := must.Get(loader.Load(charts + "/mongogate-lib"))(t)
	deps := c.Dependencies()
	if len(deps) != 1 || deps[0].Name() != "mongogate-lib" {
		t.Fatalf("dependencies: %v", deps)
	}
	if got, want := files(deps[0]), files(lib); got != want {
		t.Error("the library in charts/mongogate/charts is not charts/mongogate-lib")
	}
	for _, m := range []*chart.Metadata{c.Metadata, lib.Metadata} {
		if m.AppVersion != c.Metadata.AppVersion || m.Version != c.Metadata.Version {
			t.Errorf("%s: version %s, appVersion %s; mongogate has %s, %s", m.Name, m.Version, m.AppVersion, c.Metadata.Version, c.Metadata.AppVersion)
		}
	}
	if d := c.Metadata.Dependencies[0]; d.Version != lib.Metadata.Version || d.Repository != "file://../mongogate-lib" {
		t.Errorf("the dependency is %s at %s", d.Version, d.Repository)
	}
	r, err := helm(t, charts+"/mongogate", values(t, valuesFiles(t)["run-deployment"]), "v1.36.3")
	if err != nil || !strings.Contains(r.Manifest, "docker.io/mongogate/mongogate:"+lib.Metadata.AppVersion+`"`) && !strings.Contains(r.Manifest, "docker.io/mongogate/mongogate:"+lib.Metadata.AppVersion+"\n") {
		t.Errorf("the gate's image has not the tag %s: %v", lib.Metadata.AppVersion, err)
	}
}

func files(c *chart.Chart) string {
	var b strings.Builder
	for _, f := range c.Templates {
		b.WriteString(f.Name + "\n" + string(f.Data))
	}
	b.Write(c.Schema)
	return b.String()
}
