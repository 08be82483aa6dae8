package render

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// strangers are names of templates that other charts of an umbrella define: those of `helm create`, and the generic ones. Templates are global
// in a release, and of two with one name the last to be loaded counts for all.
func strangers() (names []string) {
	for _, prefix := range []string{"app.", "", "common.", "lib.", "gate.", "mongogate."} {
		for _, name := range []string{"name", "fullname", "chart", "labels", "selector", "selectorLabels", "serviceAccountName"} {
			names = append(names, prefix+name)
		}
	}
	for _, name := range []string{"image", "serviceAccount", "gate", "request", "extraObjects", "podLabels", "serviceSelector", "problems", "pod", "workload", "job", "env", "containers", "check"} {
		names = append(names, "app."+name, "common."+name, "gate."+name, name)
	}
	return names
}

// stranger is a chart that defines them all.
func stranger(name string) *chart.Chart {
	var b strings.Builder
	for _, n := range strangers() {
		fmt.Fprintf(&b, "{{- define %q -}}of-%s{{- end -}}\n", n, name)
	}
	return &chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: "v2", Name: name, Version: "1.0.0"},
		Templates: []*common.File{{Name: "templates/_helpers.tpl", Data: []byte(b.String())}},
	}
}

// In an umbrella, beside charts that define every generic name, the chart renders what it renders alone.
func TestChartUnderAnUmbrella(t *testing.T) {
	for name, text := range valuesFiles(t) {
		alone := must.Get(helm(t, charts+"/mongogate", values(t, text), "v1.36.3"))(t)
		umbrella := stranger("platform")
		for _, c := range []*chart.Chart{stranger("aaa"), load(t, charts+"/mongogate"), stranger("zzz")} {
			umbrella.AddDependency(c)
			umbrella.Metadata.Dependencies = append(umbrella.Metadata.Dependencies, &chart.Dependency{Name: c.Name(), Version: c.Metadata.Version})
		}
		got, err := helmChart(t, umbrella, map[string]any{"mongogate": values(t, text)}, "v1.36.3")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The comment that says where it is from is the only difference.
		manifest, hooks := strings.ReplaceAll(got.Manifest, "platform/charts/", ""), strings.ReplaceAll(got.Hooks, "platform/charts/", "")
		if sortedDocuments(manifest) != sortedDocuments(alone.Manifest) || hooks != alone.Hooks {
			t.Errorf("%s: under an umbrella it is another: %s", name, firstDifference(sortedDocuments(alone.Manifest), sortedDocuments(manifest)))
		}
	}
}

func sortedDocuments(manifest string) string {
	all := strings.Split(manifest, "\n---\n")
	for i := range all {
		all[i] = strings.TrimSpace(strings.TrimPrefix(all[i], "---\n"))
	}
	slices.Sort(all)
	return strings.Join(all, "\n---\n")
}

var (
	defines  = regexp.MustCompile(`\{\{-? *define "([^"]*)"`)
	includes = regexp.MustCompile(`\b(?:include|template) (?:\(printf )?"([^"]*)"`)
)

// Every template of the charts has their prefix, and none is called what `helm create` calls its own.
func TestChartTemplatesArePrefixed(t *testing.T) {
	seen := map[string]string{}
	err := filepath.WalkDir(charts, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/templates/") || strings.Contains(path, "/mongogate/charts/") {
			return err
		}
		text := read(t, path)
		for _, m := range defines.FindAllStringSubmatch(text, -1) {
			name := m[1]
			if prefix := map[bool]string{true: "mongogate.", false: "mongogate.app."}[strings.Contains(path, "mongogate-lib/")]; !strings.HasPrefix(name, prefix) || slices.Contains(strangers(), name) {
				t.Errorf("%s defines %s: give it the prefix %s, and no name that helm create gives", path, name, prefix)
			}
			if before := seen[name]; before != "" {
				t.Errorf("%s is defined in %s and in %s", name, before, path)
			}
			seen[name] = path
		}
		for _, m := range includes.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], "mongogate.") {
				t.Errorf("%s includes %s, which may be another chart's", path, m[1])
			}
		}
		return nil
	})
	if err != nil || len(seen) < 30 {
		t.Fatalf("%d templates: %v", len(seen), err)
	}
}
