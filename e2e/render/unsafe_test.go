package render

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// broken is a sample with one thing taken out of it.
type broken struct {
	rule, sample, what string
	spoil              func(pod *corev1.PodTemplateSpec, o runtime.Object) (beside []runtime.Object)
}

// pod makes a fault of a pod alone.
func pod(f func(*corev1.PodTemplateSpec)) func(*corev1.PodTemplateSpec, runtime.Object) []runtime.Object {
	return func(p *corev1.PodTemplateSpec, _ runtime.Object) []runtime.Object { f(p); return nil }
}

func object[T runtime.Object](f func(T)) func(*corev1.PodTemplateSpec, runtime.Object) []runtime.Object {
	return func(_ *corev1.PodTemplateSpec, o runtime.Object) []runtime.Object {
		f(o.(T)) //nolint:forcetypeassert // the case names the sample
		return nil
	}
}

// role puts a Role beside it.
func role(resource, verb string) func(*corev1.PodTemplateSpec, runtime.Object) []runtime.Object {
	return func(*corev1.PodTemplateSpec, runtime.Object) []runtime.Object {
		return []runtime.Object{&rbacv1.Role{Rules: []rbacv1.PolicyRule{{Resources: []string{resource}, Verbs: []string{verb}}}}}
	}
}

func without[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

func noContainer(name string) func(*corev1.PodTemplateSpec) {
	return func(p *corev1.PodTemplateSpec) {
		p.Spec.InitContainers = without(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name })
	}
}

func sidecarOf(p *corev1.PodTemplateSpec) *corev1.Container {
	at := slices.IndexFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == "mongogate" })
	return &p.Spec.InitContainers[at]
}

func setEnv(c *corev1.Container, name, value string) {
	c.Env = append(without(c.Env, func(v corev1.EnvVar) bool { return v.Name == name }), corev1.EnvVar{Name: name, Value: value})
}

var faults = []broken{
	{"a rollout", "deployment-sidecar-restart", "rolling update with a surge", object(func(d *appsv1.Deployment) { d.Spec.Strategy = appsv1.DeploymentStrategy{} })},
	{"a rollout", "deployment-follow", "two replicas behind a lock", object(func(d *appsv1.Deployment) { n := int32(2); d.Spec.Replicas = &n })},
	{"a rollout", "deployment-run-candidate", "a candidate that is not ready", pod(func(p *corev1.PodTemplateSpec) {
		setEnv(&p.Spec.Containers[0], "MONGOGATE_READINESS", "holder")
	})},
	{"a budget", "deployment-sidecar-kill", "a PodDisruptionBudget", func(p *corev1.PodTemplateSpec, _ runtime.Object) []runtime.Object {
		return []runtime.Object{&policyv1.PodDisruptionBudget{Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: p.Labels}}}}
	}},
	{"a budget", "deployment-sidecar-kill", "a HorizontalPodAutoscaler", func(*corev1.PodTemplateSpec, runtime.Object) []runtime.Object {
		return []runtime.Object{&autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "deployment-sidecar-kill"},
		}}}
	}},
	{"one key", "statefulset", "a key without the ordinal", pod(func(p *corev1.PodTemplateSpec) { setEnv(&p.Spec.Containers[0], "MONGOGATE_KEY", "one") })},
	{"one key", "indexed-job", "a key without the index", pod(func(p *corev1.PodTemplateSpec) { p.Annotations["mongogate.dev/key"] = "one" })},
	{"init alone", "init-sidecar", "no sidecar", pod(noContainer("mongogate"))},
	{"init alone", "init-sidecar", "the sidecar before it", pod(func(p *corev1.PodTemplateSpec) { slices.Reverse(p.Spec.InitContainers) })},
	{"a startup barrier", "job-sidecar", "no startup probe", pod(func(p *corev1.PodTemplateSpec) { sidecarOf(p).StartupProbe = nil })},
	{"a startup barrier", "job-sidecar", "it gives up", pod(func(p *corev1.PodTemplateSpec) { sidecarOf(p).StartupProbe.FailureThreshold = 600 })},
	{"a startup barrier", "job-sidecar", "no native sidecar", pod(func(p *corev1.PodTemplateSpec) { sidecarOf(p).RestartPolicy = nil })},
	{"kill leaves", "deployment-sidecar-kill", "the gap is not accepted", pod(func(p *corev1.PodTemplateSpec) { delete(p.Annotations, AcceptGap) })},
	{"kill cannot", "job-sidecar", "no shared namespace", pod(func(p *corev1.PodTemplateSpec) { p.Spec.ShareProcessNamespace = nil })},
	{"kill cannot", "job-sidecar", "another user", pod(func(p *corev1.PodTemplateSpec) {
		n := int64(1)
		p.Spec.Containers[0].SecurityContext.RunAsUser = &n
	})},
	{"kill cannot", "job-sidecar", "no marker", pod(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env = nil })},
	{"restart is", "deployment-sidecar-restart", "no rule", pod(func(p *corev1.PodTemplateSpec) { sidecarOf(p).RestartPolicyRules = nil })},
	{"restart is", "deployment-sidecar-restart", "a rule for one code", pod(func(p *corev1.PodTemplateSpec) {
		sidecarOf(p).RestartPolicyRules[0].ExitCodes = &corev1.ContainerRestartRuleOnExitCodes{Operator: "In", Values: []int32{88}}
	})},
	{"restart is", "deployment-sidecar-restart", "no epoch", pod(noContainer("mongogate-epoch"))},
	{"restart is", "deployment-sidecar-restart", "the epoch after the gate", pod(func(p *corev1.PodTemplateSpec) { slices.Reverse(p.Spec.InitContainers) })},
	{"restart is", "deployment-sidecar-restart", "the epoch elsewhere", pod(func(p *corev1.PodTemplateSpec) {
		setEnv(&p.Spec.InitContainers[0], "MONGOGATE_STATE_DIR", "/elsewhere")
	})},
	{"a follower", "deployment-follow", "no sidecar", pod(noContainer("mongogate"))},
	{"a follower", "deployment-follow", "no follower", pod(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Command = p.Spec.Containers[0].Command[4:] })},
	{"a follower", "deployment-follow", "another key", pod(func(p *corev1.PodTemplateSpec) { setEnv(sidecarOf(p), "MONGOGATE_KEY", "other") })},
	{"a wrapped", "deployment-run", "postStart", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	})},
	{"a wrapped", "deployment-run", "its own liveness probe", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/"}}}
	})},
	{"a run of", "cronjob-dedup", "no time zone", object(func(c *batchv1.CronJob) { c.Spec.TimeZone = nil })},
	{"a run of", "cronjob-dedup", "no deadline", object(func(c *batchv1.CronJob) { c.Spec.StartingDeadlineSeconds = nil })},
	{"a run of", "cronjob-dedup", "another deadline", object(func(c *batchv1.CronJob) { n := int64(60); c.Spec.StartingDeadlineSeconds = &n })},
	{"a run of", "cronjob-dedup", "@every", object(func(c *batchv1.CronJob) { c.Spec.Schedule = "@every 5m" })},
	{"a run of", "cronjob-dedup", "restarts", pod(func(p *corev1.PodTemplateSpec) { p.Spec.RestartPolicy = corev1.RestartPolicyOnFailure })},
	{"a run of", "cronjob-no-overlap", "Replace", object(func(c *batchv1.CronJob) { c.Spec.ConcurrencyPolicy = batchv1.ReplaceConcurrent })},
	{"a run of", "cronjob-dedup", "a container beside", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "second"})
	})},
	{"two gates", "two-gates", "one address", pod(func(p *corev1.PodTemplateSpec) {
		setEnv(&p.Spec.Containers[1], "MONGOGATE_PROBE_ADDRESS", "unix:/run/mongogate/probe.sock")
	})},
	{"a gate without", "deployment-run", "a state directory on disk", pod(func(p *corev1.PodTemplateSpec) {
		for i, v := range p.Spec.Volumes {
			if v.Name == "mongogate-state" {
				p.Spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
			}
		}
	})},
	{"the token", "deployment-run", "mounted for nothing", pod(func(p *corev1.PodTemplateSpec) { p.Spec.AutomountServiceAccountToken = nil })},
	{"the token", "deployment-run-candidate", "not there", pod(func(p *corev1.PodTemplateSpec) { no := false; p.Spec.AutomountServiceAccountToken = &no })},
	{"the token", "deployment-run-candidate", "the default account", pod(func(p *corev1.PodTemplateSpec) { p.Spec.ServiceAccountName = "" })},
	{"the end of", "deployment-run", "one second", pod(func(p *corev1.PodTemplateSpec) { n := int64(1); p.Spec.TerminationGracePeriodSeconds = &n })},
	{"the label", "deployment-run", "another mode", pod(func(p *corev1.PodTemplateSpec) { p.Labels[ProtectionLabel] = "kill" })},
	{"a secret", "deployment-run", "in a variable", pod(func(p *corev1.PodTemplateSpec) {
		setEnv(&p.Spec.Containers[0], "MONGOGATE_URI", "mongodb://me:pw@db/?tls=true")
	})},
	// What is no rule of a table: the other checks.
	{"PodSecurity restricted", "deployment-run", "privileges", pod(func(p *corev1.PodTemplateSpec) {
		yes := true
		p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes
	})},
	{"its root file system", "deployment-run", "writable", pod(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem = nil })},
	{"a CPU limit", "deployment-run", "throttled", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Resources.Limits[corev1.ResourceCPU] = p.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory]
	})},
	{"has no volume", "deployment-run", "a mount", pod(func(p *corev1.PodTemplateSpec) { p.Spec.Volumes = p.Spec.Volumes[1:] })},
	{"no container mounts", "deployment-run", "a volume", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].VolumeMounts = p.Spec.Containers[0].VolumeMounts[:3]
	})},
	{"subPath", "deployment-run", "a mount by subPath", pod(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].VolumeMounts[3].SubPath = "uri" })},
	{"which no mount or image has", "deployment-run", "nothing installs", pod(noContainer("mongogate-install"))},
	{"would not start", "deployment-run", "a flag that there is not", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Command = slices.Insert(p.Spec.Containers[0].Command, 2, "--no-such-flag")
	})},
	{"would not start", "deployment-run", "times that do not add up", pod(func(p *corev1.PodTemplateSpec) { p.Annotations["mongogate.dev/ttl"] = "1s" })},
	{"would not start", "cronjob-dedup", "no labels of the Job", pod(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].VolumeMounts = without(p.Spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "mongogate-podinfo" })
	})},
	{"no gate needs to patch events", "deployment-run-candidate", "a right of before", role("events", "patch")},
	{"no gate needs to get pods", "deployment-run-candidate", "another feature's right", role("pods", "get")},
	{"no Role lets a gate create events", "deployment-run", "Events without their right", pod(func(p *corev1.PodTemplateSpec) { setEnv(&p.Spec.Containers[0], "MONGOGATE_KUBE_EVENTS", "true") })},
	{"no gate needs to delete pods", "deployment-run-candidate", "a right too many", role("pods", "delete")},
}

// Each rule sees its fault: a sample that is good without it is not good with it.
func TestFaultsAreSeen(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults {
		t.Run(f.sample+"/"+f.what, func(t *testing.T) {
			objects := must.Get(build(filepath.Join(kustomizations, "samples", f.sample)))(t)
			for _, o := range objects {
				if p := template(o); p != nil {
					objects = append(objects, f.spoil(p, o)...)
				}
			}
			problems := Check(objects)
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, f.rule) }) {
				t.Errorf("want a problem with %q, got %q", f.rule, problems)
			}
		})
		for _, rule := range invariants {
			seen[rule.name] = seen[rule.name] || strings.HasPrefix(rule.name, f.rule)
		}
	}
	for _, rule := range invariants {
		if !seen[rule.name] {
			t.Errorf("no fault shows the rule %q", rule.name)
		}
	}
	t.Logf("%d faults, %d rules", len(faults), len(invariants))
}

// template is the pod template of a workload, to be changed in place.
func template(o runtime.Object) *corev1.PodTemplateSpec {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	}
	return nil
}
