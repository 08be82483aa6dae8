package render

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"sigs.k8s.io/yaml"
)

const root = "../.."

func written(t *testing.T) []Example {
	t.Helper()
	all := must.Get(Examples(root))(t)
	return all
}

// What the documents show is what the chart, the library and the components make of it: good, or refused for the reason that is named.
func TestDocumentedExamples(t *testing.T) {
	counts := map[string]int{}
	all := written(t)
	files, used := map[string]map[string]string{}, map[string]bool{}
	for _, e := range all {
		if name, ok := strings.CutPrefix(e.Mark, "file: "); ok {
			if files[e.Page] == nil {
				files[e.Page] = map[string]string{}
			}
			files[e.Page][name] = e.Text
		}
	}
	for _, e := range all {
		kind, what, _ := strings.Cut(e.Mark, ": ")
		switch kind {
		case "refused":
			counts["refused"]++
		case "render":
			counts[what]++
		default:
			continue
		}
		t.Run(e.String(), func(t *testing.T) {
			var (
				stream  []byte
				objects = "chart"
			)
			switch {
			case kind == "refused":
				_, err := helm(t, charts+"/mongogate", values(t, e.Text), "v1.36.3")
				if err == nil || !strings.Contains(err.Error(), what) {
					t.Errorf("is not refused with %q: %v", what, err)
				}
				return
			case what == "kustomize":
				objects = kustomization(t, e, files[e.Page], used)
			default:
				dir := charts + "/mongogate"
				if what == "library" {
					dir = ownChart(t, e, files[e.Page], used)
				}
				r := must.Get(helm(t, dir, values(t, e.Text), "v1.36.3"))(t)
				stream = r.All()
			}
			list, err := Decode(stream)
			if objects != "chart" {
				list, err = build(objects)
			}
			if err != nil {
				t.Fatal(err)
			}
			gates := 0
			for _, w := range Workloads(list) {
				found, _ := Gates(w, list)
				gates += len(found)
			}
			if gates == 0 {
				t.Error("there is no gate in it")
			}
			for _, p := range Check(list) {
				t.Error(p)
			}
		})
	}
	for page, named := range files {
		for name := range named {
			if !used[page+" "+name] {
				t.Errorf("%s: nothing uses the file %s", page, name)
			}
		}
	}
	fmt.Printf("cases: documents: %v\n", counts)
	for what, floor := range map[string]int{"chart": 26, "library": 1, "kustomize": 2, "refused": 12} {
		if counts[what] < floor {
			t.Errorf("%d examples of %s, want %d at least", counts[what], what, floor)
		}
	}
}

// place puts a page's files of some directory into a new one.
func place(t *testing.T, e Example, files map[string]string, used map[string]bool, wanted func(string) bool) string {
	t.Helper()
	dir := must.Get(filepath.EvalSymlinks(t.TempDir()))(t)
	for name, text := range files {
		if !wanted(name) {
			continue
		}
		used[e.Page+" "+name] = true
		path := filepath.Join(dir, name)
		must.Do(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must.Do(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// ours is how the documents name a component for those who have no checkout.
var ours = regexp.MustCompile(`github\.com/mongogate/mongogate/config/([a-z/-]+)\?ref=v[0-9.]+`)

// kustomization is a directory with the page's manifests, in which components are those of the checkout.
func kustomization(t *testing.T, e Example, files map[string]string, used map[string]bool) string {
	t.Helper()
	var k struct{ Resources []string }
	must.Do(t, yaml.Unmarshal([]byte(e.Text), &k))
	dir := place(t, e, files, used, func(name string) bool { return slices.Contains(k.Resources, name) })
	config, err := filepath.Abs(kustomizations)
	if err != nil {
		t.Fatal(err)
	}
	config = must.Get(filepath.Rel(dir, config))(t)
	if !ours.MatchString(e.Text) {
		t.Error("names no component of ours")
	}
	text := ours.ReplaceAllString(e.Text, config+"/$1")
	must.Do(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600))
	return dir
}

// ownChart is a chart of the page's files, with the library where `helm dependency build` puts it.
func ownChart(t *testing.T, e Example, files map[string]string, used map[string]bool) string {
	t.Helper()
	dir := place(t, e, files, used, func(name string) bool { return name == "Chart.yaml" || strings.HasPrefix(name, "templates/") })
	must.Do(t, os.MkdirAll(filepath.Join(dir, "charts"), 0o700))
	must.Do(t, os.CopyFS(filepath.Join(dir, "charts", "mongogate-lib"), os.DirFS(charts+"/mongogate-lib")))
	return dir
}

// The reader of examples sees what is wrong with them.
func TestExamplesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"<!-- render: chart -->\n```yaml\na: 1\n```":  "",
		"<!-- test: promql -->\n```yaml\na: 1\n```":   "",
		"```sh\n```yaml\n```":                         "",
		"```yaml\na: 1\n```":                          "is not understood",
		"<!-- rendered: chart -->\n```yaml\n```":      "is not understood",
		"<!-- render: charts -->\n```yaml\n```":       "is not understood",
		"<!-- refused -->\n```yaml\n```":              "is not understood",
		"<!-- render: chart -->\nwords\n```yaml\n```": "marks no block",
		"<!-- render: chart -->\n```sh\n```":          "is no yaml",
		"<!-- refused: no -->\n```yaml\na: 1\nb: 2\n": "has no end",
	} {
		_, err := examples("page", text)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

var (
	scenarioName = regexp.MustCompile(`\bTest[A-Z][A-Za-z]+\b`)
	scenarioFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\) \{`)
)

// A scenario that a page names as its witness is one.
func TestDocumentedScenariosExist(t *testing.T) {
	there := map[string]bool{}
	sources := must.Get(filepath.Glob("../scenario/*_test.go"))(t)
	for _, path := range sources {
		for _, m := range scenarioFunc.FindAllStringSubmatch(read(t, path), -1) {
			there[m[1]] = true
		}
	}
	pages := must.Get(filepath.Glob(root + "/docs/kubernetes/*.md"))(t)
	named := map[string]bool{}
	for _, path := range pages {
		for _, name := range scenarioName.FindAllString(read(t, path), -1) {
			named[name] = true
			if !there[name] {
				t.Errorf("%s: there is no scenario %s", path, name)
			}
		}
	}
	if len(named) < 20 {
		t.Errorf("only these are named: %v", slices.Sorted(maps.Keys(named)))
	}
}
