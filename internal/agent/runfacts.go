//go:build linux

package agent

import (
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
)

// activeDeadline is what a Job's limit does to runs that wait.
const activeDeadline = "waiting counts against the Job's activeDeadlineSeconds"

// RunFacts says which run a start is, and what becomes of it where another has it.
func RunFacts(s *settings.Settings, r bucket.Result) []string {
	var all []string
	if r.Bucket != "" {
		from := "the Job's name"
		if s.JobName == "" {
			from = fmt.Sprintf("the machine's clock, in the zone %s (%s)", s.Timezone, s.From("timezone"))
		}
		all = append(all, fmt.Sprintf("bucket %s, by %s", r.Bucket, from))
		if r.Period > 0 {
			all = append(all, fmt.Sprintf("the next bucket begins at %s", r.BucketTime.Add(r.Period).UTC().Format(bucket.ID)))
		}
		if s.JobName != "" {
			all = append(all, unproven(s))
		}
	}
	all = append(all, "held elsewhere: "+ifHeld(s, r.Bucket != ""))
	if s.JobName != "" && s.IfHeld == settings.Wait {
		all = append(all, activeDeadline+": where that is shorter than the run before it and ttl + grace, the Job fails while it waits")
	}
	return all
}

// unproven says what is known of the Job's origin.
func unproven(s *settings.Settings) string {
	if s.KubeOwner {
		return "the Kubernetes API is asked whether a CronJob has made this Job"
	}
	return "nothing proves that a CronJob has made this Job: a name that ends in a minute is believed (--kube-owner asks the Kubernetes API)"
}

// ifHeld says what becomes of a run whose lock another has, and who does it where that one fails.
func ifHeld(s *settings.Settings, runs bool) string {
	switch {
	case s.IfHeld == settings.Wait && runs:
		return "wait until the run is done, and do it if the holder fails"
	case s.IfHeld == settings.Wait, !runs && !s.FailIfHeld && !s.Given("if-held"):
		return "wait"
	case s.JobName != "":
		return "skip, once the holder was seen to renew: if it fails after that, its own Job's retries do the run, and nobody where it has none left"
	case s.FailIfHeld:
		return fmt.Sprintf("skip with exit code %d, once the holder was seen to renew: if it fails after that, the run is done only if whoever started this one tries again", ExitHeld)
	default:
		return "skip, once the holder was seen to renew: if it fails after that, nobody does the run; --if-held wait stays until it is done"
	}
}

// sayRun logs what an operator needs to know of a run before it waits or starts.
func (ses *session) sayRun() {
	s := ses.s
	if s.Lock.Bucket == "" {
		return
	}
	kv := []any{"bucket", s.Lock.Bucket, "ifHeld", s.IfHeld}
	if s.JobName == "" {
		kv = append(kv, "zone", s.Timezone.String(), "zoneFrom", s.From("timezone"), "late", s.Lock.Late.Round(time.Second).String())
	}
	ses.log.Info("run of a bucket", kv...)
	switch {
	case s.JobName == "" && s.IfHeld == settings.Skip && !s.FailIfHeld:
		telemetry.Warn(ses.log, "nobody repeats this run if its holder fails after it was seen to renew", "ifHeld", s.IfHeld)
	case s.JobName != "" && s.IfHeld == settings.Wait:
		ses.log.Info(activeDeadline)
	}
	if s.JobName != "" && !s.KubeOwner {
		ses.log.Info("the Job's name gives the minute; nothing proves that a CronJob made it", "job", s.JobName)
	}
}
