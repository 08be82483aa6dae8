//go:build linux

package agent

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
)

// ownerTries is how often the API is asked whose a Job is, and ownerPause the pause between two tries.
const (
	ownerTries = 3
	ownerPause = time.Second
)

// proveJob asks the Kubernetes API whether a CronJob owns this pod's Job, before
// a name that looks like a scheduled minute is believed. A Job of somebody else
// counts as made by hand. Where the API does not answer the name is believed, and that is said.
func proveJob(w World, s *settings.Settings, log logr.Logger) error {
	if s.Command != "run" || !s.KubeOwner || s.SkipJob != nil || s.Lock.Bucket == "" {
		return nil
	}
	cronJob, minute, err := bucket.SplitJobName(s.JobName)
	if err != nil {
		return nil
	}
	client, err := reachKube(w, s, "kube-owner")
	if err != nil {
		return err
	}
	defer client.Close()
	for try := 1; ; try++ {
		why, err := client.ScheduledBy(context.Background(), cronJob, minute) // each call has a limit of its own
		switch {
		case err == nil && why == "":
			log.Info("a CronJob owns this Job", "job", s.JobName, "cronJob", cronJob)
			return nil
		case err == nil:
			telemetry.Warn(log, "this Job counts as made by hand, whatever its name says", "job", s.JobName, "why", why)
			return s.Disbelieve(why)
		case try == ownerTries:
			telemetry.Warn(log, "cannot look up the Job's owner: trusting the minute in its name", "job", s.JobName, "error", err.Error())
			return nil
		}
		time.Sleep(ownerPause)
	}
}
