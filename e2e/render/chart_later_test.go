package render

import (
	"testing"

	"github.com/mongogate/mongogate/test/must"
	appsv1 "k8s.io/api/apps/v1"
)

// What the API does not let change is the same whatever is switched on later.
func TestChartServiceLater(t *testing.T) {
	set := func(text string) *appsv1.StatefulSet {
		r := must.Get(helm(t, charts+"/mongogate", merged(values(t, leastApp+"kind: StatefulSet\nports: [{containerPort: 80, name: http}]"), values(t, text)), "v1.36.3"))(t)
		objects := must.Get(Decode([]byte(r.Manifest)))(t)
		return Workloads(objects)[0].Object.(*appsv1.StatefulSet)
	}
	before := set("{}")
	for _, text := range []string{"service: {enabled: true}", "gate: {kube: {label: x.dev/holder}}\nservice: {enabled: true, type: LoadBalancer}", "podLabels: {a: b}", "gate: {metrics: {enabled: true}}"} {
		after := set(text)
		if before.Spec.ServiceName == "" || after.Spec.ServiceName != before.Spec.ServiceName || after.Spec.PodManagementPolicy != before.Spec.PodManagementPolicy || after.Spec.Selector.String() != before.Spec.Selector.String() {
			t.Errorf("%s: serviceName %q, before %q; podManagementPolicy %s, before %s; selector %v, before %v", text,
				after.Spec.ServiceName, before.Spec.ServiceName, after.Spec.PodManagementPolicy, before.Spec.PodManagementPolicy, after.Spec.Selector, before.Spec.Selector)
		}
	}
}
