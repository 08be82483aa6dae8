package render

import (
	"path/filepath"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// What a few values files make, to be read in a review.
func TestChartGolden(t *testing.T) {
	files := valuesFiles(t)
	for _, name := range []string{"run-deployment", "run-cronjob", "run-probes", "follow-deployment", "restart-deployment", "kill-gap", "sentinel-statefulset"} {
		r := must.Get(helm(t, charts+"/mongogate", values(t, files[name]), "v1.36.3"))(t)
		golden(t, filepath.Join("testdata/golden", name+".yaml"), func(string) string { return r.Manifest })
		golden(t, filepath.Join("testdata/golden", name+".notes.txt"), func(string) string { return r.Notes })
	}
}
