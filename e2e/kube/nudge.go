//go:build linux

package kube

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Nudge has the kubelet look at the pod now. Secrets and ConfigMaps that it
// mounts are brought up to date then, and not only at the kubelet's next round, which may be a minute away.
func (p *Pod) Nudge() {
	p.s.t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"mongogate.dev/e2e-nudge":"%d"}}}`, time.Now().UnixNano())
	p.s.must(p.s.Patch(p.s.t.Context(), p.Pod, client.RawPatch(types.MergePatchType, patch)), "annotate pod %s", p.Name)
}
