//go:build linux

package scenario_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
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

// The API server leaves the gate no call (429, Retry-After): the lock is lost in time, the log says why the label
// stays, and the label goes when there are calls again.
func TestKubeAsksToWait(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	s.A.Apply(account)
	renewals := s.Renewals(s.A)
	s.A.Install(scenario.Release, gated("run", labelled).With(kube.Values{"serviceAccount": kube.Values{"name": "gate"}}))
	pod := s.A.Pod(app)
	run := s.AwaitRun(pod, slow)
	pod.Wait("has the label", slow, isLabelled)

	free := jail(s)
	s.A.DB.Freeze()
	renewals.InTime(s.AwaitGone(run, s.Timing.TTL+5*time.Second))
	pod.WaitLog("main", "the Kubernetes API answered 429 Too Many Requests", slow)
	pod.Wait("has the label still", slow, isLabelled)
	free()
	pod.Wait("has no label", slow, isNotLabelled)
	pod.WaitLog("main", "calls to the Kubernetes API succeed again", slow)
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

// jail has the API server refuse every call of the service account with 429 and Retry-After, until it is freed.
func jail(s *scenario.Scenario) (free func()) {
	s.Helper()
	nothing := int32(0)
	level := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: s.Name}, Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: &nothing, LendablePercent: &nothing, BorrowingLimitPercent: &nothing,
			LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
		},
	}}
	flow := &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: s.Name}, Spec: flowcontrolv1.FlowSchemaSpec{
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: s.Name},
		MatchingPrecedence:         2,
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
			Subjects:      []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindServiceAccount, ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: s.A.Namespace, Name: "gate"}}},
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}, ClusterScope: true}},
		}},
	}}
	free = func() {
		for _, o := range []client.Object{flow, level} {
			if err := client.IgnoreNotFound(s.A.Delete(context.WithoutCancel(s.Context()), o)); err != nil {
				s.Errorf("%s stays: %v", o.GetName(), err)
			}
		}
	}
	s.Cleanup(free)
	for _, o := range []client.Object{level, flow} {
		must.Do(s.T, s.A.Create(s.Context(), o))
	}
	as := rest.CopyConfig(s.A.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + s.A.Namespace + ":gate", Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	calls := must.Get(rest.HTTPClientFor(as))(s.T)
	s.A.Eventually("calls of the service account are refused", slow, func(ctx context.Context) (bool, string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, as.Host+"/api/v1/namespaces/"+s.A.Namespace+"/pods", nil)
		if err != nil {
			return false, err.Error()
		}
		res, err := calls.Do(req)
		if err != nil {
			return false, err.Error()
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "", res.Status
	})
	return free
}
