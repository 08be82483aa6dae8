//go:build linux

package kube

import (
	"context"
	"fmt"
	"time"

	admission "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AssignUser gives every pod of the namespace a user and a group for its
// volumes, as OpenShift does: who it is cannot be known before. The pods' first group is then root's.
func (s *Space) AssignUser(uid int64) {
	s.t.Helper()
	meta := metav1.ObjectMeta{Name: s.Namespace} // of the whole cluster
	policy := &admission.MutatingAdmissionPolicy{ObjectMeta: meta, Spec: admission.MutatingAdmissionPolicySpec{
		ReinvocationPolicy: admission.NeverReinvocationPolicy,
		MatchConstraints: &admission.MatchResources{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.Namespace}},
			ResourceRules: []admission.NamedRuleWithOperations{{RuleWithOperations: admission.RuleWithOperations{
				Operations: []admission.OperationType{admission.Create},
				Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}}},
		},
		Mutations: []admission.Mutation{{
			PatchType: admission.PatchTypeApplyConfiguration,
			ApplyConfiguration: &admission.ApplyConfiguration{
				Expression: fmt.Sprintf("Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsUser: %d, fsGroup: %d}}}", uid, uid),
			},
		}},
	}}
	binding := &admission.MutatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admission.MutatingAdmissionPolicyBindingSpec{PolicyName: policy.Name}}
	for _, o := range []client.Object{policy, binding} {
		s.t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = s.Delete(ctx, o)
		})
		s.must(s.Create(s.t.Context(), o), "assigning a user")
	}
	s.Eventually(fmt.Sprintf("pods get user %d", uid), time.Minute, func(ctx context.Context) (bool, string) {
		try := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "try"},
			Spec: corev1.PodSpec{
				SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
				Containers: []corev1.Container{{Name: "try", Image: s.Lab.WorkerImage, SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}}},
			},
		}
		if err := s.Create(ctx, try, client.DryRunAll); err != nil {
			return false, err.Error()
		}
		user := try.Spec.SecurityContext.RunAsUser
		return user != nil && *user == uid, "its own"
	})
}
