package settings

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// check applies the rules that take more than one setting, and those of others.
// bad are the settings that could not be read; nothing is concluded from them.
func (l *loader) check(s *Settings, bad map[string]bool) {
	l.checkAuthority(s)
	l.checkURI(s)
	l.checkTiming(s, bad)
	if s.Command == "sidecar" {
		l.checkProtection(s)
		if s.Readiness == Candidate {
			l.problem("readiness", "a sidecar that waits is never ready: the main containers have not started", "give holder, or protect the workload with run")
		}
	}
	l.checkKube(s)
	if !anyOf(bad, "bucket", "timezone") && slices.Contains(keyed, s.Command) {
		l.checkZone(s)
	}
	if slices.Contains(gates, s.Command) && !anyOf(bad, "key", "bucket", "timezone", "manual", "completion-index", "pod-labels") {
		l.checkKey(s)
		if !anyOf(bad, "retention", "starting-deadline") {
			l.checkRetention(s)
		}
	}
	l.checkWaiting(s)
}

// leastPause is the shortest time between looks, and the shortest waiting: less is less than one call takes.
const leastPause = 10 * time.Millisecond

// checkWaiting applies the rules of how a gate waits.
func (l *loader) checkWaiting(s *Settings) {
	if d := s.PollInterval; d > 0 && d < leastPause {
		l.problem("poll-interval", "too frequent: the database would do little else", "give 10ms or more, or leave it out")
	}
	if d := s.Timeout; d > 0 && d < leastPause {
		l.problem("timeout", "no call to the database is that short", "give 1s or more, or look once with --try")
	}
	if !s.Try {
		return
	}
	given := func(name string) bool { return l.values[name].rank > rankDefault }
	for _, other := range []struct {
		name  string
		clash bool
		why   string
	}{
		{"timeout", s.Timeout > 0, "one look does not wait"},
		{"follow", s.Follow, "a follower waits for its sidecar"},
		{"on-loss", s.OnLoss == Wait, "one look does not wait for the lock again"},
		{"if-held", given("if-held"), "one look leaves a lock that is held"},
		{"bucket", s.Lock.Bucket != "", "a run of a time slot is left to another gate only where that one is seen to be alive, which takes more than one look"},
	} {
		if other.clash {
			l.problem("try", other.name+" is given as well: "+other.why, "leave one of them out")
		}
	}
}

func anyOf(bad map[string]bool, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return bad[n] })
}

func (l *loader) checkURI(s *Settings) {
	row, _ := find("uri")
	if !row.has(s.Command) {
		return
	}
	uri := s.URI.Reveal()
	switch {
	case uri == "" && s.Command == "run" && s.Follow:
	case uri == "" && l.values["uri-file"].text != "": // reported already
	case uri == "":
		l.problem("uri", "not set", "give MONGOGATE_URI or --uri-file, such as mongodb://user:password@host1,host2/?replicaSet=rs0&tls=true")
	case l.values["uri"].rank == rankFlag && l.values["uri-file"].rank < rankFlag && l.about(uri).Secret:
		l.problem("uri", "a password in a flag can be read by every user of the machine", "give it as MONGOGATE_URI, with --uri-file or in the YAML file")
	default:
		for _, err := range problem.Each(l.CheckURI(uri)) {
			p := problem.Problem{Message: err.Error()}
			_ = errors.As(err, &p) // what is wrong, without the name: the setting's says that
			if repeatsSecret(p.String(), uri) {
				p = problem.Problem{Message: "not a valid URI of MongoDB (details withheld: they would show a secret)"}
			}
			p.Remedy = cmp.Or(p.Remedy, "write mongodb://HOST[:PORT][,HOST…]/?OPTIONS, with % : / ? # [ ] @ in name and password as %25 %3A %2F %3F %23 %5B %5D %40")
			l.refuse("uri", p)
		}
	}
	if uri == "" {
		return
	}
	about := l.about(uri)
	if about.Unencrypted {
		s.Warnings = append(s.Warnings, problem.Problem{Field: "uri", Message: "the connection to MongoDB is not encrypted", Remedy: "add tls=true to the connection string"})
	}
	for _, name := range about.Ignored {
		s.Warnings = append(s.Warnings, problem.Problem{Field: "uri", Message: "the option " + name + " is for other drivers, and has no effect here", Remedy: "take it out of the connection string"})
	}
}

// about is what a connection string says of itself, by its parser where it can be parsed, else by a look at its letters.
func (l *loader) about(uri string) mongolock.URI {
	if readable(uri) == nil {
		if about, err := mongolock.AboutURI(uri); err == nil {
			return about
		}
	}
	return mongolock.URI{Secret: carriesSecret(uri), Unencrypted: unencrypted(uri)}
}

func (l *loader) checkTiming(s *Settings, bad map[string]bool) {
	if !slices.Contains(renewer, s.Command) ||
		anyOf(bad, "ttl", "heartbeat", "operation-timeout", "kill-budget", "kill-after", "grace", "allow-short-ttl", "poll-interval") {
		return
	}
	for _, p := range timingProblems(s) {
		l.problem(p.Field, p.Message, p.Remedy)
	}
}

func (l *loader) checkKey(s *Settings) {
	r, err := s.ResolveKey()
	var manual *bucket.ManualJob
	switch {
	case errors.As(err, &manual) && s.Manual == string(bucket.SkipManual) && s.Command == "run":
		s.SkipJob = manual
		return
	case errors.As(err, &manual) && s.Manual == string(bucket.SkipManual):
		l.problem("manual", "skip is for run only: no exit code of "+s.Command+" ends a Job without running its main container", "protect the workload with run, or give run or refuse")
	}
	var problems *Error
	if errors.As(err, &problems) {
		l.err.Problems = append(l.err.Problems, problems.Problems...)
		return
	}
	s.Lock = r
	s.Warnings = append(s.Warnings, s.StartWarnings(r)...)
	if s.Command == "run" {
		l.err.Problems = append(l.err.Problems, s.Ineffective(r)...)
	}
	held := heldKeys(l.Environ)
	if slices.Contains(held, r.Key) || s.NoOverlap && slices.Contains(held, r.BaseKey) {
		l.err.Problems = append(l.err.Problems, problem.Problem{
			Field: "key", Source: s.givenBy("key"), Value: show(r.Key),
			Message: "this command already runs under a lock of this key, and would wait for itself", Remedy: "give the inner command a key of its own, or no gate",
		})
	}
}

func (l *loader) checkRetention(s *Settings) {
	if s.Retention == 0 {
		s.Retention = bucket.Retention(s.StartingDeadline, max(s.Lock.Period, s.Bucket.Longest()))
	}
	if err := bucket.CheckRetention(s.Retention, s.StartingDeadline, s.Bucket.Longest()); err != nil {
		l.err.fromBucket(err, s.givenBy)
	}
}
