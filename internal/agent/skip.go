//go:build linux

package agent

import (
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// A run is skipped where it is not to be tried, where it is done, and where another holder does it. What the log and the
// Event say of each, and how the program ends, is in this file.

// skip tells whether the run is not to be tried at all.
func (ses *session) skip(now time.Time) (bool, error) {
	s := ses.s
	switch {
	case s.SkipJob != nil:
		ses.log.Info("skipped: the Job was made by hand and has no scheduled minute", "job", s.SkipJob.Name, "why", s.SkipJob.Reason)
		ses.kube.skipped("skipped: the Job was made by hand and has no scheduled minute")
		return true, nil //nolint:nilerr // SkipJob is what was decided, not a fault
	case s.Lock.Stale(now, s.Retention):
		ses.metrics.Skipped()
		ses.log.Info("skipped: the bucket is older than the retention", "key", s.Lock.Key, "retention", s.Retention.String())
		ses.kube.skipped(fmt.Sprintf("skipped: run %q is older than the retention, so no record can show whether it is done", s.Lock.Key))
		return true, ses.skipped()
	}
	return false, nil
}

// skipDone leaves a run alone that is done, and says who did it.
func (ses *session) skipDone(e *mongolock.DoneError) error {
	ses.metrics.Skipped()
	kv := []any{"key", ses.s.Lock.Key}
	if d := e.Info.Done; d != nil {
		kv = append(kv, "outcome", d.Outcome, "by", d.By, "at", d.At.UTC().Format(time.RFC3339))
	}
	ses.log.Info("skipped: the run is done", kv...)
	if ses.kube.notices != nil { // what is remembered is asked of the store
		ses.kube.skipped(telemetry.DoneBy(e, ses.remembered(e.Info.Key)))
	}
	return ses.skipped()
}

// skipHeld leaves a run to its holder.
func (ses *session) skipHeld(e *mongolock.HeldError) error {
	ses.metrics.Skipped()
	kv := []any{"key", ses.s.Lock.Key, "holder", e.Info.Owner, "where", e.Info.Where()}
	if !e.Info.Created.IsZero() {
		kv = append(kv, "since", e.Info.Created.Format(time.RFC3339))
	}
	ses.log.Info("skipped: already running elsewhere", kv...)
	ses.kube.skipped("skipped: already running elsewhere: " + e.Error())
	return ses.skipped()
}

// skipped is how a run that was skipped ends: with 0, or with 77 where --fail-if-held asks for that.
func (ses *session) skipped() error {
	if ses.s.FailIfHeld {
		return &Exit{Code: ExitHeld}
	}
	return nil
}

// skipped writes an Event, where the settings want Events.
func (k *kubeFeatures) skipped(text string) {
	if k.notices != nil {
		k.notices.Skipped(text)
	}
}
