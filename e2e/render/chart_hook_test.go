package render

import (
	"strings"
	"testing"
)

// helm test shows what doctor found: Helm prints the log of a hook that asks for it, whether it has passed or failed.
func TestChartHelmTestShowsItsLog(t *testing.T) {
	r, err := helm(t, charts+"/mongogate", values(t, leastApp), "v1.36.3")
	if err != nil || !strings.Contains(r.Hooks, "helm.sh/hook-output-log-policy: hook-succeeded,hook-failed") || !strings.Contains(r.Hooks, "args: [doctor]") {
		t.Errorf("%v\n%s", err, r.Hooks)
	}
}
