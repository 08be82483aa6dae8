package render

import (
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// A package of the chart is whole: what it renders is what the checkout renders.
func TestChartPackage(t *testing.T) {
	c := must.Get(loader.Load(charts + "/mongogate"))(t)
	archive := must.Get(chartutil.Save(c, t.TempDir()))(t)
	for name, text := range valuesFiles(t) {
		if name != "run-platform" && name != "restart-deployment" {
			continue
		}
		want := must.Get(helm(t, charts+"/mongogate", values(t, text), "v1.36.3"))(t)
		got, err := helm(t, archive, values(t, text), "v1.36.3")
		if err != nil || got != want {
			t.Errorf("%s: the package renders something else: %v", name, err)
		}
	}
	if _, err := helm(t, archive, values(t, "gate: {ttl: 30}"), "v1.36.3"); err == nil {
		t.Error("the package has lost the library's schema")
	}
}
