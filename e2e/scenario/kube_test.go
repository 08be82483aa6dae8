//go:build linux

package scenario_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// The service account's token is replaced under a running gate, and the API server no longer takes the old one: the
// label goes all the same when the lock is lost, and comes back with it.
func TestKubeTokenIsReplaced(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Background: true, TTL: 20 * time.Second})
	s.A.Apply(account)
	first := issue(s, "first")
	mount(s, first)
	s.A.Install(scenario.Release, gated("run", labelled).With(kube.Values{
		"serviceAccount": kube.Values{"name": "gate"},
		// Kubernetes mounts no token of its own where the pod has something mounted already.
		"volumes":      []any{map[string]any{"name": "account", "secret": map[string]any{"secretName": "account"}}},
		"volumeMounts": []any{map[string]any{"name": "account", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}},
	}))
	pod := s.A.Pod(app)
	run := s.AwaitRun(pod, slow)
	pod.Wait("has the label", slow, isLabelled)

	mount(s, issue(s, "second"))
	pod.Nudge()
	revoke(s, "first", first)
	s.A.DB.Freeze()
	s.AwaitGone(run, s.Timing.TTL+5*time.Second)
	pod.Wait("has no label", slow, isNotLabelled)
	s.A.DB.Heal()
	pod.Wait("has the label", slow, isLabelled)
}

// labelled has the holder's pod labelled.
var labelled = kube.Values{"kube": kube.Values{"label": "mongogate.dev/holder"}} //nolint:gochecknoglobals // values, never changed

func isLabelled(p *corev1.Pod) bool    { return p.Labels["mongogate.dev/holder"] == "true" }
func isNotLabelled(p *corev1.Pod) bool { return !isLabelled(p) }

// account is the service account of the gate. The chart gives it its rights.
const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: gate}\n"

// issue makes a token that is good for as long as the secret of this name is there.
func issue(s *scenario.Scenario, name string) string {
	s.Helper()
	s.A.Secret(name, nil)
	var bound corev1.Secret
	must.Do(s.T, s.A.Get(s.Context(), client.ObjectKey{Namespace: s.A.Namespace, Name: name}, &bound))
	ask := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: name, UID: bound.UID},
	}}
	of := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "gate", Namespace: s.A.Namespace}}
	if err := s.A.SubResource("token").Create(s.Context(), of, ask); err != nil {
		s.Fatalf("a token for the service account: %v", err)
	}
	return ask.Status.Token
}

// revoke deletes the secret of a token, and waits until the API server takes the token no more.
func revoke(s *scenario.Scenario, name, token string) {
	s.Helper()
	must.Do(s.T, s.A.Delete(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.A.Namespace}}))
	s.A.Eventually("the token "+name+" is refused", slow, func(ctx context.Context) (bool, string) {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
		if err := s.A.Create(ctx, review); err != nil {
			return false, err.Error()
		}
		return !review.Status.Authenticated, "it is taken"
	})
}

// mount writes the files of the service account, with this token.
func mount(s *scenario.Scenario, token string) {
	s.Helper()
	var authorities corev1.ConfigMap
	s.A.Eventually("the cluster's authorities", slow, func(ctx context.Context) (bool, string) {
		err := s.A.Get(ctx, client.ObjectKey{Namespace: s.A.Namespace, Name: "kube-root-ca.crt"}, &authorities)
		return err == nil, fmt.Sprint(err)
	})
	s.A.Secret("account", map[string]string{"token": token, "ca.crt": authorities.Data["ca.crt"], "namespace": s.A.Namespace})
}
