package bucket

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// cronJob is a schedule as Kubernetes has it. The parser and the walk are the
// ones that the API server and the controller of CronJobs use, in the version
// that Kubernetes vendors (a test compares them): what a CronJob's schedule
// may be and what it means is decided there, and nowhere else. The library is
// no longer worked on; where Kubernetes moves to another one, so do we.
type cronJob struct{ spec *cron.SpecSchedule }

func parseCronJob(expr string) (*cronJob, error) {
	if err := checkCron(expr); err != nil {
		return nil, err
	}
	parsed, err := cron.ParseStandard(expr)
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q has no fixed ticks", expr)
	}
	return &cronJob{spec}, nil
}

// date says whether a date can have ticks: dayMatches of the library.
func (c *cronJob) date(w time.Time) bool {
	if !has(c.spec.Month, int(w.Month())) {
		return false
	}
	dom, dow := has(c.spec.Dom, w.Day()), has(c.spec.Dow, int(w.Weekday()))
	if c.spec.Dom>>63 != 0 || c.spec.Dow>>63 != 0 {
		return dom && dow
	}
	return dom || dow
}

func (c *cronJob) after(tick time.Time, loc *time.Location) time.Time {
	return c.spec.Next(tick.In(loc))
}

// around goes forward from an earlier tick, as the controller does. What the
// library finds behind a change of the clocks depends on where it has come from
// (half-hour changes, changes at midnight): so it is on its way for three ticks
// before it comes to the instant or, if that is nearer than three ticks to the last change, to the change.
func (c *cronJob) around(t time.Time, loc *time.Location) (last, next time.Time) {
	change, _ := t.In(loc).ZoneBounds()
	for _, back := range []time.Duration{3 * time.Hour, 4 * day, 100 * day, 4 * 366 * day, 14 * 366 * day, horizon} {
		settled := t
		if !change.IsZero() && t.Add(-back).Before(change) {
			settled = change
		}
		way := 0
		last, next = time.Time{}, c.after(settled.Add(-back), loc)
		for !next.IsZero() && !next.After(t) {
			if next.Before(settled) {
				way++
			}
			last, next = next, c.after(next, loc)
		}
		if way >= 3 {
			break
		}
	}
	return last, next
}
