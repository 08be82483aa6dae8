package kube

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// A gate stands beside each workload: of Kubernetes it has client-go's rest, and not the 16 MB of typed objects.
func TestWhatTheGateLinks(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/mongogate/mongogate/cmd/sidecar")
	rest := false
	for p := range strings.FieldsSeq(string(must.Get(list.Output())(t))) {
		rest = rest || p == "k8s.io/client-go/rest"
		for _, heavy := range []string{"k8s.io/api/", "k8s.io/client-go/kubernetes", "sigs.k8s.io/controller-runtime"} {
			if strings.HasPrefix(p, heavy) {
				t.Errorf("the gate links %s", p)
			}
		}
	}
	if !rest {
		t.Error("go list did not name client-go's rest")
	}
}
