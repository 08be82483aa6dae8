package render

import (
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// podRefusals are fields of the pod and of what stands beside it that would break the gate, have no effect, or are refused by the API.
var podRefusals = []refusal{
	{why: "podSpec with containers", values: "podSpec: {containers: [{name: other, image: x}]}", want: []string{"podSpec.containers has a value of its own: set image, command, extraContainers", "container other has no command"}},
	{why: "podSpec with what has a value", values: "podSpec: {terminationGracePeriodSeconds: 60, dnsPolicy: Default}", want: []string{"podSpec.terminationGracePeriodSeconds has a value of its own: set terminationGracePeriodSeconds", "podSpec.dnsPolicy has a value of its own: set dnsPolicy"}},
	{why: "podSpec with debug containers", values: "podSpec: {ephemeralContainers: [{name: x, image: x}]}", want: []string{"podSpec.ephemeralContainers: Kubernetes takes none in a template, and the gate would not know them: leave it out"}},
	{why: "podSpec with the node's processes", values: "podSpec: {hostPID: true}\ngate: {protection: kill, acceptGap: true}", want: []string{"hostPID: the gate would take every process of the node for the workload: set hostPID: false"}},
	{why: "podSpec with another system", values: "podSpec: {os: {name: windows}}", want: []string{"os.name: windows: the gate runs on Linux: leave os out"}},
	{why: "podSpec that throttles", values: "podSpec: {resources: {limits: {cpu: 1}}}", want: []string{"resources.limits.cpu of the pod: it throttles the gate with the workload, and a pause loses the lease: set limits of the workload's containers"}},
	{why: "podSpec with a deadline", values: "podSpec: {activeDeadlineSeconds: 60}", want: []string{"activeDeadlineSeconds of the pod with kind Deployment: Kubernetes takes it in Jobs only"}},
	{why: "podSpec with a Job's deadline", values: "kind: Job\npodSpec: {activeDeadlineSeconds: 20}", want: []string{"activeDeadlineSeconds: 20 of the pod counts the waiting"}},
	{why: "podSpec without what the gate sees by", values: "podSpec: {shareProcessNamespace: false}\ngate: {protection: kill, acceptGap: true}", want: []string{"podSpec.shareProcessNamespace has a value of its own: set gate.shareProcessNamespace", "shareProcessNamespace: false in the pod: the gate has to see the workload's processes: leave it out"}},
	{why: "the host's network with the cluster's names", values: "hostNetwork: true", want: []string{"hostNetwork with dnsPolicy ClusterFirst: names of the cluster, as the database's may be, are not found there: set dnsPolicy: ClusterFirstWithHostNet"}},
	{why: "a signal that nobody can catch", values: "lifecycle: {stopSignal: SIGKILL}\npodSpec: {os: {name: linux}}", want: []string{"container main has lifecycle.stopSignal: SIGKILL: the gate cannot take it for a request to stop, and the pod would hang until it is killed: set SIGTERM, or one such as SIGQUIT or SIGUSR1, or leave it out"}},
	{why: "a signal that the gate is not to obey", values: "lifecycle: {stopSignal: SIGUSR1}\npodSpec: {os: {name: linux}}\ngate: {stopSignal: SIGUSR2}", want: []string{"stopSignal: SIGUSR2 leaves out SIGUSR1, by which lifecycle.stopSignal lets the kubelet ask to stop: a pod that waits would hang until it is killed: name it, or leave stopSignal empty"}},
	{why: "a signal without a system", values: "lifecycle: {stopSignal: SIGUSR1}", want: []string{"container main has lifecycle.stopSignal, and Kubernetes takes it only where os.name says which system it is: set os.name: linux in the pod (this chart: podSpec)"}},
	{why: "an address without a balancer", values: "ports: [{containerPort: 80}]\nservice: {enabled: true, loadBalancerIP: 10.0.0.1}", want: []string{"service.loadBalancerIP with service.type ClusterIP: set type: LoadBalancer, or leave it out"}},
	{why: "a run that has to be ready", values: "kind: Job\nminReadySeconds: 5", want: []string{"minReadySeconds with kind Job: nobody asks whether a run is ready: leave it out"}},
	{why: "rules without metrics", values: "prometheusRule: {enabled: true}", want: []string{"prometheusRule.enabled without metrics or without rules: set gate.metrics.enabled: true and prometheusRule.rules"}},
}

const wholePod = `
replicas: null
minReadySeconds: 5
hostNetwork: true
hostAliases: [{ip: 10.0.0.1, hostnames: [db]}]
dnsConfig: {options: [{name: ndots, value: "2"}]}
dnsPolicy: ClusterFirstWithHostNet
schedulerName: mine
enableServiceLinks: false
lifecycle: {stopSignal: SIGQUIT}
podSpec: {os: {name: linux}, subdomain: sub, hostUsers: true, preemptionPolicy: Never}
ports: [{containerPort: 80, name: http}]
service: {enabled: true, type: LoadBalancer, sessionAffinity: ClientIP, loadBalancerIP: 10.0.0.9}
podMonitor: {enabled: true, relabelings: [{action: drop}], metricRelabelings: [{action: keep}]}
prometheusRule: {enabled: true, labels: {release: prometheus}, rules: [{alert: Lost, expr: "increase(mongogate_losses_total[1h]) > 0"}]}
gate: {metrics: {enabled: true}}
`

// What people expect to be able to say of a pod can be said, and goes where it belongs.
func TestChartPodFields(t *testing.T) {
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		r := must.Get(helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, wholePod+"kind: "+kind)), "v1.36.3"))(t)
		objects := must.Get(Decode([]byte(r.Manifest)))(t)
		for _, p := range Check(objects) {
			if !strings.Contains(p, "PodSecurity restricted: host namespaces") { // which nobody has who sets hostNetwork
				t.Error(p)
			}
		}
		w := Workloads(objects)[0]
		s := w.Pod.Spec
		if !s.HostNetwork || s.HostAliases[0].IP != "10.0.0.1" || *s.DNSConfig.Options[0].Value != "2" || s.DNSPolicy != corev1.DNSClusterFirstWithHostNet ||
			s.SchedulerName != "mine" || s.EnableServiceLinks == nil || *s.EnableServiceLinks || s.Subdomain != "sub" || s.OS.Name != "linux" || *s.PreemptionPolicy != corev1.PreemptNever {
			t.Errorf("%s: %+v", kind, s)
		}
		if !strings.Contains(r.Manifest, "name: MONGOGATE_STOP_SIGNAL") || !strings.Contains(r.Manifest, "value: SIGQUIT") {
			t.Errorf("%s: the gate is not told by which signal it is asked to stop", kind)
		}
		switch o := w.Object.(type) {
		case *appsv1.Deployment:
			if o.Spec.Replicas != nil || o.Spec.MinReadySeconds != 5 {
				t.Errorf("%v %v", o.Spec.Replicas, o.Spec.MinReadySeconds)
			}
		case *appsv1.StatefulSet:
			if o.Spec.Replicas != nil || o.Spec.MinReadySeconds != 5 {
				t.Errorf("%v %v", o.Spec.Replicas, o.Spec.MinReadySeconds)
			}
		}
		services := 0
		for _, o := range objects {
			if x, ok := o.(*corev1.Service); ok && x.Spec.ClusterIP != "None" {
				if services++; x.Spec.SessionAffinity != corev1.ServiceAffinityClientIP || x.Spec.LoadBalancerIP != "10.0.0.9" {
					t.Errorf("%+v", x.Spec)
				}
			}
		}
		for _, text := range []string{"kind: PrometheusRule", "relabelings:\n      - action: drop", "metricRelabelings:\n      - action: keep", "release: prometheus", "alert: Lost"} {
			if !strings.Contains(strings.ReplaceAll(r.Manifest, "        - action", "      - action"), text) {
				t.Errorf("%s: no %s", kind, text)
			}
		}
		if services != 1 {
			t.Errorf("%d Services", services)
		}
	}
	r := must.Get(helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, "kind: Job\njob: {suspend: true, completionMode: Indexed, completions: 3, parallelism: 2, backoffLimitPerIndex: 0, maxFailedIndexes: 1, podReplacementPolicy: Failed}")), "v1.36.3"))(t)
	objects := must.Get(Decode([]byte(r.Manifest)))(t)
	if j := Workloads(objects)[0].Object.(*batchv1.Job).Spec; !*j.Suspend || *j.BackoffLimitPerIndex != 0 || *j.MaxFailedIndexes != 1 || *j.PodReplacementPolicy != batchv1.Failed {
		t.Errorf("%+v", j)
	}
}
