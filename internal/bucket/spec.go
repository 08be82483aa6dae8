package bucket

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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
	ticks  schedule
}

// Slot is one bucket.
type Slot struct {
	// Time is the begin of the bucket, in UTC.
	Time time.Time
	// ID is Time as it stands in keys.
	ID string
	// Period is the time until the next bucket begins.
	Period time.Duration
}

const specRemedy = `give none, a time that divides a day or is whole days (15m, 1h, 1d, 7d), or cron:"0 3 * * *"`

// ParseSpec reads auto, none, a duration, or cron:SCHEDULE. The error is a *[FieldError].
//
//   - auto: the scheduled minute of the CronJob in one of its pods, elsewhere none.
//   - 1h, 15m, …: a bucket begins where the zone's wall clock shows a multiple of
//     the period since midnight; the instant belongs to the bucket that it is in.
//     A begin that the clocks skip moves to the first instant after the gap. One
//     that they repeat begins a second bucket only where the period is not longer
//     than what is repeated, so 1h has 25 buckets on such a day, and 2h has 12.
//   - 1d, 7d, …: a bucket begins at the first instant of a local date, for whole
//     days other than one where the days since 1970-01-01 are a multiple.
//   - cron: the tick that is nearest to the instant, before or after it, the
//     earlier of two at the same distance.
func ParseSpec(s string) (Spec, error) {
	wrong := func(format string, args ...any) (Spec, error) {
		return Spec{}, &FieldError{Field: "bucket", Value: s, Message: fmt.Sprintf(format, args...), Remedy: specRemedy}
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
		ticks, err := parseCron(unquote(expr))
		if err != nil {
			return wrong("not a schedule: %v", err)
		}
		return Spec{kind: cronTick, text: s, ticks: ticks}, nil
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
	s := schedule{moved: true, repeated: func(overlap time.Duration) bool { return period <= overlap }}
	if period < day {
		s.day = func(time.Time) bool { return true }
		s.minute = func(w time.Time) bool { return w.Sub(midnight(w))%period == 0 }
		return s
	}
	s.day = func(w time.Time) bool { return w.Unix()/86400%int64(period/day) == 0 }
	s.minute = func(w time.Time) bool { return w.Equal(midnight(w)) }
	return s
}

// String is the rule as it was given.
func (s Spec) String() string {
	if s.text == "" {
		return "auto"
	}
	return s.text
}

// None says whether the rule is that there are no buckets.
func (s Spec) None() bool { return s.kind == none }

// Of returns the bucket of an instant. The zone decides where days begin and
// when a schedule ticks. ok is false for auto and none, which have no rule of their own.
func (s Spec) Of(t time.Time, zone *time.Location) (slot Slot, ok bool) {
	if s.kind != every && s.kind != cronTick {
		return Slot{}, false
	}
	begin := s.ticks.atOrBefore(t, zone)
	next := s.ticks.after(t, zone)
	if begin.IsZero() || next.IsZero() {
		return Slot{}, false
	}
	if s.kind == cronTick && next.Sub(t) < t.Sub(begin) {
		begin, next = next, s.ticks.after(next, zone)
	}
	return newSlot(begin, next.Sub(begin)), true
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
