package kube

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// JobRight is the right that asking who made a Job needs, in words.
const JobRight = "get jobs (batch) in its own namespace"

// apiJob is what is read of a Job of batch/v1.
type apiJob struct {
	Metadata struct {
		UID             string            `json:"uid"`
		Annotations     map[string]string `json:"annotations"`
		OwnerReferences []struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
}

// scheduledAnnotation is the minute that a CronJob's controller has made a Job
// for, on the Job alone and not on its pods: CronJobScheduledTimestampAnnotation
// of k8s.io/api/batch/v1, since Kubernetes 1.28.
const scheduledAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp"

// ScheduledBy asks the API whether the pod's own Job is one of a CronJob for a
// scheduled minute. why says what speaks against it; empty where it is proven.
// A Job that somebody has made from the CronJob under such a name counts: the
// owner is the CronJob, and the name was chosen. The error says that the API did not answer.
func (c *Client) ScheduledBy(ctx context.Context, cronJob string, minute time.Time) (why string, err error) {
	var job apiJob
	if err := call(ctx, c.own(c.rest.Get(), batchAPI, "jobs").Name(c.pod.JobName), nil, &job); err != nil {
		if answered(err, "NotFound") {
			return "there is no Job of this name", nil
		}
		return "", err
	}
	if c.pod.JobUID != "" && job.Metadata.UID != c.pod.JobUID {
		return "the Job of this name is another one", nil
	}
	if text := job.Metadata.Annotations[scheduledAnnotation]; text != "" {
		if at, err := time.Parse(time.RFC3339, text); err == nil && !at.Truncate(time.Minute).Equal(minute) {
			return fmt.Sprintf("it was made for %s", at.UTC().Format(time.RFC3339)), nil
		}
	}
	for _, o := range job.Metadata.OwnerReferences {
		if o.Kind == "CronJob" && strings.HasPrefix(o.APIVersion, "batch/") {
			if o.Name == cronJob {
				return "", nil
			}
			return fmt.Sprintf("its CronJob is %q", o.Name), nil
		}
	}
	return "no CronJob owns it", nil
}
