package render

import (
	"path/filepath"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const kustomizations = "../../config"

// build is `kubectl kustomize DIR`.
func build(dir string) ([]runtime.Object, error) {
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	stream, err := m.AsYaml()
	if err != nil {
		return nil, err
	}
	return Decode(stream)
}

func directories(t *testing.T, pattern string) []string {
	t.Helper()
	dirs := must.Get(filepath.Glob(filepath.Join(kustomizations, pattern, "kustomization.yaml")))(t)
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

func TestSamples(t *testing.T) {
	var samples, objects, pods, gates int
	for _, dir := range directories(t, "samples/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			all := must.Get(build(dir))(t)
			for _, p := range Check(all) {
				t.Error(p)
			}
			samples, objects = samples+1, objects+len(all)
			for _, w := range Workloads(all) {
				found, _ := Gates(w, all)
				pods, gates = pods+1, gates+len(found)
				if w.Name != filepath.Base(dir) {
					t.Errorf("%s: a sample's workload has the name of its directory", w)
				}
			}
		})
	}
	t.Logf("checked %d samples: %d objects, %d pods, %d gates", samples, objects, pods, gates)
	if samples < 14 || objects < 19 || pods < 14 || gates < 27 {
		t.Error("fewer than there were: something is not looked at any more")
	}
}
