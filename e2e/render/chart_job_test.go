package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// jobRefusals are about Jobs: what counts the waiting, and what the API takes only together.
var jobRefusals = []refusal{
	{why: "a Job without time to wait", values: "kind: Job\njob: {activeDeadlineSeconds: 25}", want: []string{"activeDeadlineSeconds: 25 of the Job counts the waiting for the lock as well, and a holder that died keeps it for ttl + grace = 35s: nothing could ever run after one: set that and the time that the workload needs, or leave it out"}},
	{why: "a CronJob without time to wait", values: cron + "job: {activeDeadlineSeconds: 35}", want: []string{"activeDeadlineSeconds: 35 of the Job counts the waiting"}},
	{why: "a Job behind a sidecar without time to wait", values: "kind: Job\njob: {activeDeadlineSeconds: 70}\nterminationGracePeriodSeconds: 60\ngate: {protection: kill, ttl: 1m}", want: []string{"ttl + grace = 70s"}},
	{why: "waiting that nothing ends", values: "kind: Job\njob: {activeDeadlineSeconds: 600}\ngate: {timeout: 10m}", want: []string{"timeout: 10m is not below activeDeadlineSeconds: 600 of the Job, which counts the waiting as well, and so would never end the waiting: lower it, or raise activeDeadlineSeconds"}},
	{why: "waiting that nothing ends in an init container", values: "kind: Job\njob: {activeDeadlineSeconds: 600}\ngate: {protection: kill, init: {enabled: true, timeout: 1h}}", want: []string{"init.timeout: 1h is not below activeDeadlineSeconds: 600"}},
	{why: "a policy for restarts", values: "kind: Job\nrestartPolicy: OnFailure\njob: {podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}}", want: []string{"podFailurePolicy with restartPolicy: OnFailure: Kubernetes takes it with Never only"}},
	{why: "replaced early", values: "kind: Job\njob: {podReplacementPolicy: TerminatingOrFailed}", want: []string{"podReplacementPolicy: TerminatingOrFailed with a podFailurePolicy, which keeps exit code 64 from being tried again: Kubernetes takes Failed only: leave it out"}},
	{why: "indexes without an index", values: "kind: Job\njob: {backoffLimitPerIndex: 1}", want: []string{"backoffLimitPerIndex: only Indexed Jobs have indexes"}},
	{why: "indexes with restarts", values: "kind: Job\nrestartPolicy: OnFailure\njob: {backoffLimitPerIndex: 1, completionMode: Indexed}", want: []string{"backoffLimitPerIndex with restartPolicy: OnFailure: Kubernetes takes it with Never only"}},
	{why: "failed indexes without a limit", values: "kind: Job\njob: {completionMode: Indexed, podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [3]}}]}}", want: []string{"podFailurePolicy: FailIndex without backoffLimitPerIndex: Kubernetes refuses it"}},
}

// jobOf is the Job's spec among some objects.
func jobOf(t *testing.T, objects []runtime.Object) batchv1.JobSpec {
	t.Helper()
	for _, o := range objects {
		switch o := o.(type) {
		case *batchv1.Job:
			return o.Spec
		case *batchv1.CronJob:
			return o.Spec.JobTemplate.Spec
		}
	}
	t.Fatal("no Job")
	return batchv1.JobSpec{}
}

// verdict is what the Job controller does with a pod whose container ended with a code: the first rule that fits (KEP-3329), or a retry.
func verdict(job batchv1.JobSpec, container string, code int32) string {
	if job.PodFailurePolicy != nil {
		for _, r := range job.PodFailurePolicy.Rules {
			if on := r.OnExitCodes; on != nil && (on.ContainerName == nil || *on.ContainerName == container) && slices.Contains(on.Values, code) == (on.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
				return string(r.Action)
			}
		}
	}
	return "retry"
}

// What another try cannot mend fails a Job at once: a Job made by hand under the default burned six pods.
func TestChartJobIsNotTriedInVain(t *testing.T) {
	const never = "retry"
	for _, c := range []struct {
		values, container string
		code              int32
		want              string
	}{
		{cron, "main", 64, "FailJob"},
		{cron, "main", 1, never},
		{cron, "main", 77, never},
		{cron, "main", 88, never},
		{cron + "gate: {failIfHeld: true}", "main", 77, "FailJob"},
		{"kind: Job", "main", 64, "FailJob"},
		{"kind: Job\ncontainerName: work", "work", 64, "FailJob"},
		{"kind: Job\nextraContainers: [{name: logs, image: x}]\ngate: {ungated: [logs]}", "logs", 64, never},
		{"kind: Job\njob: {parallelism: 2, completions: 2, completionMode: Indexed, backoffLimitPerIndex: 2}", "main", 64, "FailJob"},
		{"kind: Job\ngate: {protection: follow}", "main", 64, "FailJob"},
		{"kind: Job\ngate: {protection: kill, init: {enabled: true}}", "mongogate-wait", 64, "FailJob"},
		{"kind: Job\ngate: {protection: kill, suffix: b, init: {enabled: true}}", "mongogate-wait-b", 64, "FailJob"},
		{"kind: Job\ngate: {protection: kill}", "main", 64, never}, // the workload's own
		{"kind: Job\nrestartPolicy: OnFailure", "main", 64, never}, // no policy there
		{cron + "job: {podFailurePolicy: {rules: [{action: Ignore, onExitCodes: {operator: In, values: [64]}}]}}", "main", 64, "Ignore"},
		{cron + "job: {podFailurePolicy: {rules: [{action: Count, onExitCodes: {operator: NotIn, values: [0]}}]}}", "main", 64, "FailJob"},
		{cron + "job: {podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [3]}}]}}", "main", 3, "FailJob"},
	} {
		r, err := helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, c.values)), "v1.36.3")
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
			continue
		}
		objects := must.Get(Decode([]byte(r.Manifest)))(t)
		job := jobOf(t, objects)
		if got := verdict(job, c.container, c.code); got != c.want {
			t.Errorf("%s: %s ends with %d: %s, want %s", c.values, c.container, c.code, got, c.want)
		}
		if p := job.PodFailurePolicy; p != nil {
			names := map[string]bool{}
			for _, x := range slices.Concat(job.Template.Spec.InitContainers, job.Template.Spec.Containers) {
				names[x.Name] = true
			}
			for _, rule := range p.Rules { // as the API has it
				if on := rule.OnExitCodes; on != nil && on.ContainerName != nil && !names[*on.ContainerName] || job.Template.Spec.RestartPolicy != corev1.RestartPolicyNever || len(p.Rules) > 20 {
					t.Errorf("%s: the API would refuse %v", c.values, rule)
				}
			}
		}
	}
	fmt.Println("cases: charts: Jobs that are not tried in vain")
}

// Where nothing tries again, a run is not left to a holder that may fail.
func TestChartWaitsWhereNothingTriesAgain(t *testing.T) {
	for v, want := range map[string]string{
		"":                       "",
		"job: {backoffLimit: 0}": "wait",
		"job: {backoffLimit: 1}": "",
		"job: {completionMode: Indexed, completions: 2, backoffLimitPerIndex: 0}": "wait",
		"job: {completionMode: Indexed, completions: 2, backoffLimitPerIndex: 1}": "",
		"job: {backoffLimit: 0}\ngate: {ifHeld: skip}":                            "skip",
		"job: {backoffLimit: 0}\ngate: {failIfHeld: true}":                        "",
		"job: {backoffLimit: 0}\ngate: {bucket: none}":                            "",
	} {
		r, err := helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, cron+v)), "v1.36.3")
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		objects := must.Get(Decode([]byte(r.Manifest)))(t)
		got := ""
		for _, e := range jobOf(t, objects).Template.Spec.Containers[0].Env {
			if e.Name == "MONGOGATE_IF_HELD" {
				got = e.Value
			}
		}
		if got != want {
			t.Errorf("%q: if held %q, want %q", v, got, want)
		}
	}
}

func TestChartNotesSayWhatCountsTheWaiting(t *testing.T) {
	r, err := helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, cron+"job: {activeDeadlineSeconds: 3600}")), "v1.36.3")
	if err != nil || !strings.Contains(r.Notes, "activeDeadlineSeconds: 3600 includes the time spent waiting for the lock") {
		t.Errorf("%v\n%s", err, r.Notes)
	}
}

// The samples of kustomize have it as well.
func TestSamplesAreNotTriedInVain(t *testing.T) {
	count := 0
	for _, dir := range directories(t, "samples/*") {
		objects := must.Get(build(dir))(t)
		for _, o := range objects {
			switch o.(type) {
			case *batchv1.Job, *batchv1.CronJob:
				count++
				if got := verdict(jobOf(t, objects), "main", 64); got != "FailJob" {
					t.Errorf("%s: exit code 64: %s", dir, got)
				}
			}
		}
	}
	if count < 5 {
		t.Errorf("%d Jobs looked at", count)
	}
}
