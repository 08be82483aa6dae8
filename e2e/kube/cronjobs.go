//go:build linux

package kube

import (
	"fmt"
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Scheduled is the name that the controller gives to the Job of a CronJob's minute.
func Scheduled(cronJob string, at time.Time) string {
	return fmt.Sprintf("%s-%d", cronJob, at.Unix()/60)
}

// Suspend stops a CronJob's controller from making Jobs, or lets it go on: it
// then makes up for the last minute that it has missed.
func (s *Space) Suspend(cronJob string, yes bool) {
	s.t.Helper()
	c := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: cronJob, Namespace: s.Namespace}}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"suspend":%v}}`, yes))
	s.must(s.Patch(s.t.Context(), c, patch), "suspend %s", cronJob)
}

// StartRun makes the Job of a CronJob's minute, as its controller would.
func (s *Space) StartRun(cronJob string, at time.Time) {
	s.t.Helper()
	s.instantiate(cronJob, Scheduled(cronJob, at), "batch.kubernetes.io/cronjob-scheduled-timestamp", at.UTC().Format(time.RFC3339))
}

// CreateJobFrom makes a Job of a CronJob by hand, as kubectl create job --from does.
func (s *Space) CreateJobFrom(cronJob, name string) {
	s.t.Helper()
	s.instantiate(cronJob, name, "cronjob.kubernetes.io/instantiate", "manual")
}

func (s *Space) instantiate(cronJob, name, annotation, value string) {
	s.t.Helper()
	var from batchv1.CronJob
	err := s.Get(s.t.Context(), client.ObjectKey{Namespace: s.Namespace, Name: cronJob}, &from)
	if err == nil {
		template := from.Spec.JobTemplate
		annotations := map[string]string{annotation: value}
		maps.Copy(annotations, template.Annotations)
		err = s.Create(s.t.Context(), &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: s.Namespace, Labels: template.Labels, Annotations: annotations,
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&from, batchv1.SchemeGroupVersion.WithKind("CronJob"))},
			},
			Spec: template.Spec,
		})
	}
	s.must(err, "job %s from %s", name, cronJob)
}
