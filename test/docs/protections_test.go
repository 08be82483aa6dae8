//go:build linux

package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/must"
)

// schemaOf is what the chart's schema allows as protection and as also.
func schemaOf(t *testing.T) (protections, also []string) {
	t.Helper()
	b := must.Get(os.ReadFile("../../charts/mongogate-lib/values.schema.json"))(t)
	var schema struct {
		Properties struct {
			Protection struct{ Enum []string }
			Also       struct{ Items struct{ Enum []string } }
		}
	}
	must.Do(t, json.Unmarshal(b, &schema))
	return schema.Properties.Protection.Enum, schema.Properties.Also.Items.Enum
}

// TestProtectionsAreEverywhere: each of the registry has its row in the table of what it covers, and each that is for pods its row in the
// other table, its place in the chart's schema and its component for kustomize; and there is none that the registry does not have.
func TestProtectionsAreEverywhere(t *testing.T) {
	safety, inPods := pageOf(t, "docs/use/safety.md"), pageOf(t, "docs/kubernetes/protections.md")
	enum, also := schemaOf(t)
	for _, p := range settings.Protections {
		row := "\n| `sidecar --protection " + p.Name + "`"
		switch p.Name {
		case settings.Run:
			row = "\n| `run` |"
		case settings.Follow:
			row = "\n| `run --follow` beside a `sidecar --protection follow` |"
		}
		if !strings.Contains(safety, row) {
			t.Errorf("docs/use/safety.md has no row %q", row)
		}
		if !p.Pods {
			continue
		}
		if !strings.Contains(inPods, "\n| `"+p.Name+"`") {
			t.Errorf("docs/kubernetes/protections.md has no row for %s", p.Name)
		}
		if !slices.Contains(enum, p.Name) {
			t.Errorf("the chart's schema does not allow protection: %s", p.Name)
		}
		if p.Also && !slices.Contains(also, p.Name) {
			t.Errorf("the chart's schema does not allow also: [%s]", p.Name)
		}
		if _, err := os.Stat("../../config/components/" + p.Name + "/pod.yaml"); err != nil {
			t.Errorf("%s has no component: %v", p.Name, err)
		}
	}
	for _, name := range slices.Concat(enum, also) {
		if name != "init" && !slices.ContainsFunc(settings.Protections, func(p settings.Protection) bool { return p.Name == name }) {
			t.Errorf("the chart's schema has %s, which is no protection", name)
		}
	}
	fmt.Printf("cases: docs: %d protections in two tables, a schema and components\n", len(settings.Protections))
}
