//go:build linux

package kube

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Scale sets the replicas of the Deployment of that name. A pod that goes this
// way has no successor beside it, which would try for the lock as well.
func (s *Space) Scale(deployment string, replicas int32) {
	s.t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: deployment, Namespace: s.Namespace}}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
	if err := s.Patch(s.t.Context(), d, patch); err != nil {
		s.t.Fatalf("%s: scale %s: %v", s, deployment, err)
	}
}
