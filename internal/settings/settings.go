package settings

import (
	"errors"

	"github.com/mongogate/mongogate/internal/bucket"
)

// Values of settings that are one of a few words.
const (
	Wait      = "wait"      // --if-held, --on-loss
	Skip      = "skip"      // --if-held
	Release   = "release"   // --on-failure
	Hold      = "hold"      // --on-failure
	Holder    = "holder"    // --readiness
	Candidate = "candidate" // --readiness
	None      = "none"      // --probe-address, --metrics-address, --isolation
	Auto      = "auto"      // --isolation
	Signals   = "signals"   // --isolation
	PIDs      = "pids"      // --isolation
)

// Source says what a setting is and where that came from.
type Source struct {
	// Name is the flag without dashes.
	Name string
	// Value is the value as it was given, fit to be shown; empty where there is none.
	Value string
	// From is the flag, the variable, the place in the file, or "default".
	From string
}

// Sources lists every setting of the subcommand in the order of the reference.
func (s *Settings) Sources() []Source {
	var all []Source
	for _, row := range table {
		v := s.sources[row.name]
		if !row.has(s.Command) {
			continue
		}
		all = append(all, Source{Name: row.name, Value: conceal(v.text), From: v.from})
	}
	return all
}

// From says where a setting came from, for people; empty for a name that is none.
func (s *Settings) From(name string) string { return s.sources[name].from }

// Given is true where the value is not the default.
func (s *Settings) Given(name string) bool { return s.sources[name].rank > rankDefault }

// OnCommandLine is true where the value is that of the flag.
func (s *Settings) OnCommandLine(name string) bool { return s.sources[name].rank == rankFlag }

// ResolveKey makes the key of a run that starts when Load was called. Load has
// done it for sidecar, init and run. The error is an [*Error].
func (s *Settings) ResolveKey() (bucket.Result, error) {
	r, err := bucket.Key(bucket.Input{
		Template: s.Key, Spec: s.Bucket, Zone: s.Timezone, Now: s.start,
		Namespace: s.Namespace, Job: s.Job, Name: s.Name, Cluster: s.Cluster,
		JobName: s.JobName, NotScheduled: s.notScheduled, Index: s.CompletionIndex, Manual: bucket.Manual(s.Manual),
	})
	if err != nil {
		e := new(Error)
		e.fromBucket(err, s.givenBy)
		return bucket.Result{}, e
	}
	return r, nil
}

// Disbelieve takes the Job's name for one that carries no scheduled minute, and
// makes the key anew as --manual says. The error is an [*Error].
func (s *Settings) Disbelieve(why string) error {
	s.notScheduled = why
	r, err := s.ResolveKey()
	var manual *bucket.ManualJob
	if errors.As(err, &manual) && s.Manual == string(bucket.SkipManual) && s.Command == "run" {
		s.SkipJob = manual
		return nil
	}
	if err == nil {
		s.Lock = r
	}
	return err
}

// givenBy names the source of a value, empty where nobody gave it.
func (s *Settings) givenBy(name string) string {
	if s.Given(name) {
		return s.From(name)
	}
	return ""
}
