package render

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	yamlv3 "go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write what is generated: the READMEs and golden files of the charts")

// documentedValue is one row of a README: a leaf of values.yaml, or a map that has a comment of its own.
type documentedValue struct{ path, fallback, about string }

// documented reads values.yaml and the comments "# -- …" in it.
func documented(t *testing.T, path string) []documentedValue {
	t.Helper()
	var doc yamlv3.Node
	must.Do(t, yamlv3.Unmarshal([]byte(read(t, path)), &doc))
	return rows(t, doc.Content[0], "")
}

func rows(t *testing.T, m *yamlv3.Node, above string) (all []documentedValue) {
	t.Helper()
	for i := 0; i < len(m.Content); i += 2 {
		key, node := m.Content[i], m.Content[i+1]
		path := above + key.Value
		about := ""
		if _, text, found := strings.Cut(key.HeadComment, "# -- "); found {
			about = strings.Join(strings.Fields(strings.ReplaceAll(text, "\n#", " ")), " ")
		}
		switch {
		case about != "":
			all = append(all, documentedValue{path, inline(t, node), about})
		case node.Kind == yamlv3.MappingNode && len(node.Content) > 0:
			all = append(all, rows(t, node, path+".")...)
		default:
			t.Errorf("%s has no comment that begins with --", path)
		}
	}
	return all
}

// inline is a value on one line.
func inline(t *testing.T, n *yamlv3.Node) string {
	t.Helper()
	switch n.Kind {
	case yamlv3.ScalarNode:
		if n.Tag == "!!str" && n.Value == "" {
			return `""`
		}
		return n.Value
	case yamlv3.SequenceNode:
		var parts []string
		for _, c := range n.Content {
			parts = append(parts, inline(t, c))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yamlv3.MappingNode:
		var parts []string
		for i := 0; i < len(n.Content); i += 2 {
			parts = append(parts, n.Content[i].Value+": "+inline(t, n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	t.Fatalf("line %d: what is this?", n.Line)
	return ""
}

func table(prefix string, all []documentedValue) string {
	var b strings.Builder
	b.WriteString("| value | default | what it is |\n|---|---|---|\n")
	for _, v := range all {
		fmt.Fprintf(&b, "| `%s%s` | `%s` | %s |\n", prefix, v.path, v.fallback, strings.ReplaceAll(v.about, "|", `\|`))
	}
	return b.String()
}

const generated = "<!-- Below: generated from the comments of values.yaml by: cd e2e && go test ./render -run README -update -->\n"

// The tables of the READMEs are those of the values.
func TestChartREADME(t *testing.T) {
	app := documented(t, charts+"/mongogate/values.yaml")
	lib := documented(t, charts+"/mongogate-lib/values.yaml")
	own := app[:len(app)-1] // the last is gate itself
	for chart, tables := range map[string]string{
		"mongogate":     "## Values\n\n" + table("", own) + "\n## Values of the gate\n\n" + table("gate.", lib),
		"mongogate-lib": "## Values\n\nUnder the alias of the dependency.\n\n" + table("", lib),
	} {
		golden(t, filepath.Join(charts, chart, "README.md"), func(old string) string {
			hand, _, found := strings.Cut(old, generated)
			if !found {
				t.Fatalf("%s: README.md has not the line %s", chart, generated)
			}
			return hand + generated + "\n" + tables
		})
	}
	fmt.Printf("cases: charts: %d values of the application chart, %d of the library\n", len(app), len(lib))
}

// golden holds a file against what it should be, or writes it with -update.
func golden(t *testing.T, path string, want func(old string) string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	text := want(string(b))
	if text == string(b) {
		return
	}
	if !*update {
		t.Errorf("%s is stale; run: cd e2e && go test ./render -update\n%s", path, firstDifference(string(b), text))
		return
	}
	must.Do(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must.Do(t, os.WriteFile(path, []byte(text), 0o644))
}

func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(h), len(w)) {
		if h[i] != w[i] {
			return fmt.Sprintf("line %d:\n  have %s\n  want %s", i+1, h[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(h), len(w))
}
