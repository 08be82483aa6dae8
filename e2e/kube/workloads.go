//go:build linux

package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
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
	s.must(s.Patch(s.t.Context(), d, patch), "scale %s", deployment)
}

// Jobs are those of the namespace, oldest first.
func (s *Space) Jobs() []batchv1.Job {
	s.t.Helper()
	jobs, err := s.jobs(s.t.Context())
	s.must(err, "jobs")
	return jobs
}

func (s *Space) jobs(ctx context.Context) ([]batchv1.Job, error) {
	var jobs batchv1.JobList
	err := s.List(ctx, &jobs, client.InNamespace(s.Namespace))
	slices.SortFunc(jobs.Items, func(a, b batchv1.Job) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return jobs.Items, err
}

// WaitJobs waits until the namespace's Jobs are as wanted.
func (s *Space) WaitJobs(want string, within time.Duration, as func([]batchv1.Job) bool) {
	s.t.Helper()
	s.Eventually("jobs: "+want, within, func(ctx context.Context) (bool, string) {
		jobs, err := s.jobs(ctx)
		if err != nil {
			return false, err.Error()
		}
		seen := fmt.Sprintf("%d jobs", len(jobs))
		for _, j := range jobs {
			seen += fmt.Sprintf("; %s: %d active, %d succeeded, %d failed, %s", j.Name, j.Status.Active, j.Status.Succeeded, j.Status.Failed, Outcome(j))
		}
		return as(jobs), seen
	})
}

// WaitJob waits until a Job has ended, and returns how: Complete or Failed.
func (s *Space) WaitJob(name string, within time.Duration) batchv1.JobConditionType {
	s.t.Helper()
	var outcome batchv1.JobConditionType
	s.WaitJobs(name+" has ended", within, func(jobs []batchv1.Job) bool {
		i := slices.IndexFunc(jobs, func(j batchv1.Job) bool { return j.Name == name })
		if i >= 0 {
			outcome = Outcome(jobs[i])
		}
		return outcome != ""
	})
	return outcome
}

// Outcome is how a Job has ended: Complete, Failed, or nothing yet.
func Outcome(j batchv1.Job) batchv1.JobConditionType {
	for _, c := range j.Status.Conditions {
		if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
			return c.Type
		}
	}
	return ""
}

// WaitKubelet waits until every node's kubelet has said after an instant that it lives.
func (s *Space) WaitKubelet(after time.Time, within time.Duration) {
	s.t.Helper()
	s.Eventually("kubelets that live after "+after.UTC().Format(time.TimeOnly), within, func(ctx context.Context) (bool, string) {
		var leases coordinationv1.LeaseList
		if err := s.List(ctx, &leases, client.InNamespace(corev1.NamespaceNodeLease)); err != nil {
			return false, err.Error()
		}
		for _, l := range leases.Items {
			if l.Spec.RenewTime == nil || !l.Spec.RenewTime.After(after) {
				return false, fmt.Sprintf("%s: %v", l.Name, l.Spec.RenewTime)
			}
		}
		return len(leases.Items) > 0, "no leases of nodes"
	})
}
