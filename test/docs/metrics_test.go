//go:build linux

package docs

import (
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// families are the metrics of a gate, by name.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	m := telemetry.NewMetrics("v0")
	g := must.Get(gate.New(gate.Config{Clock: gate.BootClock(), Budget: gate.Budget{Kill: time.Second}, FinishWithin: time.Second}))(t)
	m.Gate(g, gate.BootClock())
	all := must.Get(m.Registry.Gather())(t)
	ours := map[string]*dto.MetricFamily{}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "mongogate_") {
			ours[f.GetName()] = f
		}
	}
	if len(ours) < 10 {
		t.Fatalf("only %d metrics", len(ours))
	}
	return ours
}

// TestMetricsTable: every metric has its row, with its type, its labels and its own words.
func TestMetricsTable(t *testing.T) {
	ours := families(t)
	for _, row := range tableIn(t, pageOf(t, "docs/use/metrics.md"), "<!-- test: metrics -->", len(ours)) {
		name := strings.Trim(row[0], "`")
		f := ours[name]
		if f == nil {
			t.Errorf("there is no metric %s", name)
			continue
		}
		delete(ours, name)
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		want := []string{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}
		for i, w := range want {
			if row[i+1] != w {
				t.Errorf("%s: %q, want %q", name, row[i+1], w)
			}
		}
	}
	for name := range ours {
		t.Errorf("docs/use/metrics.md has no row for %s", name)
	}
}

var metric = regexp.MustCompile(`\bmongogate_[a-z_]+\b`)

func TestNamedMetricsExist(t *testing.T) {
	ours := families(t)
	named := 0
	for _, p := range pages(t) {
		for _, name := range metric.FindAllString(p.text, -1) {
			named++
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if f := ours[strings.TrimSuffix(name, suffix)]; f.GetType() == dto.MetricType_HISTOGRAM {
					base = f.GetName()
				}
			}
			if ours[base] == nil {
				t.Errorf("%s: there is no metric %s", p.name, name)
			}
		}
	}
	if named < 18 {
		t.Errorf("only %d metrics were looked at", named)
	}
}

// TestAlertsAreYAML: whether Prometheus likes the expressions is not looked at, the metrics in them are (above).
func TestAlertsAreYAML(t *testing.T) {
	rules := 0
	for name, blocks := range marked(t, "test: promql", "yaml", 2) {
		for _, b := range blocks {
			var file struct {
				Groups []struct {
					Rules []struct{ Alert, Expr, For string }
				}
			}
			if err := yaml.Unmarshal([]byte(b.text), &file); err != nil {
				t.Fatalf("%s:%d: %v", name, b.line, err)
			}
			if len(file.Groups) != 1 {
				t.Fatalf("%s:%d: %d groups", name, b.line, len(file.Groups))
			}
			for _, r := range file.Groups[0].Rules {
				rules++
				if r.Alert == "" || !metric.MatchString(r.Expr) {
					t.Errorf("%s:%d: an alert without a name or a metric of ours: %+v", name, b.line, r)
				}
				if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") {
					t.Errorf("%s:%d: parentheses in %q", name, b.line, r.Expr)
				}
			}
		}
	}
	if rules < 8 {
		t.Errorf("only %d alerts were looked at", rules)
	}
}
