package settings

import (
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/problem"
)

// lateness is from where on a start is said to be far from its tick, unless half of the way to the next one is less.
const lateness = 5 * time.Minute

// StartWarnings says where a machine's clock, zone or schedule may not be the one that was meant.
func (s *Settings) StartWarnings(r bucket.Result) []problem.Problem {
	if r.Bucket == "" || s.JobName != "" || r.Period <= 0 {
		return nil
	}
	next := r.BucketTime.Add(r.Period)
	if !s.Bucket.Ticks() {
		if left := r.Period - r.Late; left <= min(bucket.ClockSkew, r.Period/10) {
			return []problem.Problem{{
				Field: "bucket", Message: fmt.Sprintf("this start is %v before the next bucket begins, and a machine that starts a little later, or whose clock is ahead, runs it again", left.Round(time.Second)),
				Remedy: "start runs early in their bucket, or use a cron: bucket",
			}}
		}
		return nil
	}
	if r.Late <= min(lateness, r.Period/2) {
		return nil
	}
	zone := s.sources["timezone"]
	return []problem.Problem{{
		Field: "bucket", Message: fmt.Sprintf("this start is %v after the tick %s that it counts for, the next one is %s in %v",
			r.Late.Round(time.Second), r.Bucket, next.UTC().Format(bucket.ID), (r.Period - r.Late).Round(time.Second)),
		Remedy: fmt.Sprintf("if it was not meant to be late, --bucket (%s) or --timezone (%s, from %s) is not the schedule's", s.Bucket, zone.text, zone.from),
	}}
}

// Ineffective are the settings of a run that would have no effect: those about
// runs with a bucket where there is none, and under --follow those that belong
// to the sidecar that is followed. A Job made by hand has no bucket, but its
// settings are those of the scheduled ones.
func (s *Settings) Ineffective(r bucket.Result) []problem.Problem {
	var all []problem.Problem
	if !s.Follow && (r.Bucket != "" || r.Manual) {
		return nil
	}
	refuse := func(name, message, remedy string) {
		if v := s.sources[name]; v.rank > rankDefault {
			all = append(all, problem.Problem{Field: name, Source: v.from, Value: show(v.text), Message: message, Remedy: remedy})
		}
	}
	if s.Follow {
		for _, name := range []string{"no-overlap", "fail-if-held", "on-failure", "if-held"} {
			refuse(name, "a follower has no lock of its own, so this has no effect", "leave it out, or run without --follow")
		}
		return all
	}
	const remedy = "leave it out, or give --bucket"
	if s.NoOverlap {
		refuse("no-overlap", "without a bucket all runs have one key, and never overlap anyway", remedy)
	}
	refuse("on-failure", "without a bucket no run is recorded, failed or not", remedy)
	// Variables and files may be for many commands. A flag is meant for this one.
	for _, name := range []string{"retention", "starting-deadline", "timezone"} {
		if s.OnCommandLine(name) {
			refuse(name, "without a bucket this has no effect", remedy)
		}
	}
	if s.FailIfHeld && s.IfHeld == Wait {
		refuse("fail-if-held", "with --if-held wait and without a bucket no run is skipped", "leave one of the two out, or give --bucket; --timeout ends waiting with exit code 75")
	}
	return all
}
