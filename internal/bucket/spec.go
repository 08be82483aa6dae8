package bucket

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

// ID is how the begin of a bucket is written: the minute in UTC, RFC 3339.
const ID = "2006-01-02T15:04Z"

const day = 24 * time.Hour

type kind int

const (
	auto kind = iota
	none
	every
	cronTick
)

// Spec is a rule by which instants fall into buckets. The zero value is auto.
type Spec struct {
	kind   kind
	text   string
	period time.Duration
	ticks  ticks
	// crontab is set for a cron: rule of a plain machine.
	crontab *crontab
}

// Slot is one bucket.
type Slot struct {
	// Time is the begin of the bucket, in UTC.
	Time time.Time
	// ID is Time as it stands in keys.
	ID string
	// Period is the time until the next bucket begins; 0 where that is not known.
	Period time.Duration
}

const specRemedy = `give none, a time that divides a day or is whole days (15m, 1h, 1d, 7d), or cron:"0 3 * * *"`

// ParseSpec reads auto, none, a duration, or cron:SCHEDULE, the schedule as
// crontab(5) has it. The error is a [problem.Problem].
//
//   - auto: the scheduled minute of the CronJob in one of its pods, elsewhere none.
//   - 1h, 15m, …: a bucket begins where the zone's wall clock shows a multiple of
//     the period since midnight; the instant belongs to the bucket that it is in.
//     A begin that the clocks skip moves to the first instant after the gap. One
//     that they repeat begins a second bucket only where the period is not longer
//     than what is repeated, so 1h has 25 buckets on such a day, and 2h has 12.
//   - 1d, 7d, …: a bucket begins at the first instant of a local date, for whole
//     days other than one where the days since 1970-01-01 are a multiple.
//   - cron: the last tick that is not after the instant, or the next one where
//     that is less than the skew of clocks away (see [Spec.Of]). The ticks are
//     those at which cron(8) starts a job in the zone.
func ParseSpec(s string) (Spec, error) { return parseSpec(s, false) }

// ParseCronJobSpec is ParseSpec, but the schedule after cron: is read as that of
// a CronJob, and its ticks are those at which Kubernetes makes Jobs.
func ParseCronJobSpec(s string) (Spec, error) { return parseSpec(s, true) }

func parseSpec(s string, kubernetes bool) (Spec, error) {
	wrong := func(format string, args ...any) (Spec, error) {
		return Spec{}, problem.Problem{Field: "bucket", Value: s, Message: fmt.Sprintf(format, args...), Remedy: specRemedy}
	}
	switch {
	case s == "auto" || s == "":
		return Spec{text: "auto"}, nil
	case s == "none":
		return Spec{kind: none, text: s}, nil
	case strings.HasPrefix(s, "@every"):
		return wrong("@every counts from the start of each machine, so no two agree on its ticks")
	}
	if expr, ok := strings.CutPrefix(s, "cron:"); ok {
		spec := Spec{kind: cronTick, text: s}
		if kubernetes {
			c, err := parseCronJob(unquote(expr))
			if err != nil {
				return wrong("not a schedule of a CronJob: %v", err)
			}
			spec.ticks = c
		} else {
			c, err := parseCrontab(unquote(expr))
			if err != nil {
				return wrong("not a schedule: %v", err)
			}
			spec.crontab, spec.ticks = c, c.ticks(false)
		}
		if !everFires(spec.ticks) {
			return wrong("the schedule never fires: no date matches")
		}
		return spec, nil
	}
	period, err := parsePeriod(s)
	if err != nil {
		return wrong("neither a duration nor cron:SCHEDULE")
	}
	switch {
	case period < time.Minute || period%time.Minute != 0:
		return wrong("%s is not a positive number of whole minutes", s)
	case period > day && period%day != 0:
		return wrong("%s is longer than a day but not whole days", s)
	case period > 366*day:
		return wrong("%s is longer than a year", s)
	case period < day && day%period != 0:
		return wrong("%s does not divide a day, so its buckets would begin at other times every day", s)
	}
	return Spec{kind: every, text: s, period: period, ticks: everyPeriod(period)}, nil
}

// everFires says whether any date of forty years is one of the rule's.
func everFires(t ticks) bool {
	from := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for d := from; d.Sub(from) < horizon; d = d.AddDate(0, 0, 1) {
		if t.date(d) {
			return !t.after(d.Add(-time.Minute), time.UTC).IsZero()
		}
	}
	return false
}

// UnderCronTZ is the same rule for jobs of a crontab with CRON_TZ: cronie
// starts them by the reading of that zone's clock, whatever its changes.
func (s Spec) UnderCronTZ() Spec {
	if s.crontab != nil {
		s.ticks = s.crontab.ticks(true)
	}
	return s
}

// Zoned says whether buckets depend on the time zone. Zones whose offsets
// differ by multiples of step only give the same buckets; a step of 0 allows no difference.
func (s Spec) Zoned() (step time.Duration, ok bool) {
	switch s.kind {
	case every:
		if s.period < day {
			return s.period, true
		}
		return 0, true
	case cronTick:
		return 0, true
	default:
		return 0, false
	}
}

// unquote takes off the quotes that a unit file or a YAML value leaves around a schedule.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

func parsePeriod(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * day, err
	}
	return time.ParseDuration(s)
}

func everyPeriod(period time.Duration) schedule {
	s := schedule{hours: all(23), minutes: all(59), moved: always, repeated: func(overlap time.Duration) bool { return period <= overlap }}
	if period < day {
		s.day = func(time.Time) bool { return true }
		s.minute = func(w time.Time) bool { return w.Sub(midnight(w))%period == 0 }
		if period%time.Hour == 0 {
			s.minutes = 1
		}
		return s
	}
	s.day = func(w time.Time) bool { return w.Unix()/86400%int64(period/day) == 0 }
	s.minute = func(w time.Time) bool { return w.Equal(midnight(w)) }
	s.hours, s.minutes = 1, 1
	return s
}

// String is the rule as it was given.
func (s Spec) String() string {
	if s.text == "" {
		return "auto"
	}
	return s.text
}

// Ticks says whether the rule is a schedule, cron:….
func (s Spec) Ticks() bool { return s.kind == cronTick }

// None says whether the rule is that there are no buckets.
func (s Spec) None() bool { return s.kind == none }

// ClockSkew is how far the clock of whoever starts the runs may be ahead of the
// machine's. Where ticks are less than ten times as far apart it is a tenth of
// that, so that a start may be late by nine tenths.
const ClockSkew = time.Minute

// Of returns the bucket of a run that starts at an instant of the machine's
// clock. The zone decides where days begin and when a schedule ticks. ok is
// false for auto and none, which have no rule of their own, and where there is no tick.
//
// A cron: bucket is the last tick at or before the start, however late that is:
// never one of the future, but for one within [ClockSkew].
func (s Spec) Of(start time.Time, zone *time.Location) (slot Slot, ok bool) {
	return s.of(start, zone, ClockSkew)
}

// Scheduled returns the bucket of a run whose scheduled minute is known: no clock is involved, so none is wrong.
func (s Spec) Scheduled(minute time.Time, zone *time.Location) (slot Slot, ok bool) {
	return s.of(minute, zone, 0)
}

func (s Spec) of(t time.Time, zone *time.Location, skew time.Duration) (slot Slot, ok bool) {
	if s.kind != every && s.kind != cronTick {
		return Slot{}, false
	}
	begin, next := s.ticks.around(t, zone)
	if s.kind == cronTick && skew > 0 && !next.IsZero() {
		ahead := next.Sub(t)
		if ahead <= skew && (begin.IsZero() || 10*ahead < next.Sub(begin)) {
			begin, next = next, s.ticks.after(next, zone)
		}
	}
	if begin.IsZero() {
		return Slot{}, false
	}
	var period time.Duration
	if !next.IsZero() {
		period = next.Sub(begin)
	}
	return newSlot(begin, period), true
}

// Longest is the longest time between two buckets of the rule, by a clock that
// never changes; 0 for rules that have none of their own. It is the same at any
// time, unlike a slot's Period: what is refused because of it is refused at the first run.
func (s Spec) Longest() time.Duration {
	if s.kind != cronTick {
		return s.period
	}
	first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var longest time.Duration
	last := time.Time{}
	for d := first; d.Sub(first) < 9*366*day; d = d.Add(day) { // two times 29 February
		if !s.ticks.date(d) {
			continue
		}
		if !last.IsZero() && d.Sub(last) > day { // the first tick of a day is not later than its last
			longest = max(longest, d.Sub(last))
		}
		last = d
	}
	if longest > 0 || last.IsZero() {
		return longest
	}
	for tick := s.ticks.after(first, time.UTC); tick.Sub(first) < 2*day; {
		next := s.ticks.after(tick, time.UTC)
		longest = max(longest, next.Sub(tick))
		tick = next
	}
	return longest
}

func newSlot(begin time.Time, period time.Duration) Slot {
	begin = begin.UTC()
	return Slot{Time: begin, ID: begin.Format(ID), Period: period}
}

// ParseID reads back the id of a bucket.
func ParseID(id string) (begin time.Time, ok bool) {
	t, err := time.Parse(ID, id)
	return t, err == nil && t.Format(ID) == id
}
