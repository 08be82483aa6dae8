package bucket

import "time"

// ticks are the instants at which buckets of one rule begin.
type ticks interface {
	// around returns the last tick that is not after t, and the first one after it;
	// the zero time where there is none.
	around(t time.Time, loc *time.Location) (last, next time.Time)
	// after returns the first tick after a tick, the zero time where there is none.
	after(tick time.Time, loc *time.Location) time.Time
	// date says whether a date, as a time in UTC, can have ticks.
	date(wall time.Time) bool
}

// schedule is a set of ticks on the wall clock of a time zone. A wall-clock
// minute is written as a time.Time in UTC that shows the same reading.
type schedule struct {
	// day says whether a date can have ticks at all; it is only asked to skip quickly.
	day func(wall time.Time) bool
	// minute says whether a minute of such a date is a tick.
	minute func(wall time.Time) bool
	// hours has a bit for each hour that can have ticks, minutes for each minute of an hour: to skip quickly.
	hours, minutes uint64
	// moved says whether ticks within a gap of that length (the clocks go
	// forward) happen at the first instant after it, several of them once.
	// Otherwise they do not happen.
	moved func(gap time.Duration) bool
	// repeated says whether ticks happen again when the clocks go back by so
	// much and the same reading comes a second time.
	repeated func(overlap time.Duration) bool
}

// horizon bounds the search: 29 February of a given weekday comes back within 40 years.
const horizon = 41 * 366 * 24 * time.Hour

func (s schedule) date(wall time.Time) bool { return s.day(wall) }

func (s schedule) around(t time.Time, loc *time.Location) (last, next time.Time) {
	return s.atOrBefore(t, loc), s.after(t, loc)
}

// at says whether the instant t, a whole minute, is a tick.
func (s schedule) at(t time.Time, loc *time.Location) bool {
	local := t.In(loc)
	now := wall(local)
	since, change := lastChange(local)
	if change > 0 && since == 0 && s.moved(change) { // t is the first instant after a gap
		for w := now.Add(-change); w.Before(now); w = w.Add(time.Minute) {
			if s.day(w) && s.minute(w) {
				return true
			}
		}
	}
	if change < 0 && since < -change && !s.repeated(-change) {
		return false
	}
	return s.day(now) && s.minute(now)
}

// atOrBefore returns the last tick that is not after t, the zero time where there is none.
func (s schedule) atOrBefore(t time.Time, loc *time.Location) time.Time {
	limit := t.Add(-horizon)
	for u := t.Truncate(time.Minute); u.After(limit); {
		if s.at(u, loc) {
			return u
		}
		local := u.In(loc)
		w := wall(local)
		back := time.Minute
		switch minute := w.Minute(); {
		case !s.day(w):
			back = w.Sub(midnight(w)) + time.Minute
		case !has(s.hours, w.Hour()):
			back = time.Duration(minute+1) * time.Minute
		default:
			for m := minute - 1; m >= 0 && !has(s.minutes, m); m-- {
				back += time.Minute
			}
		}
		prev := u.Add(-back)
		// Not past a change of the clocks in one step: what it moves or repeats
		// is judged at its own instant, and wall-clock distances hold on one side of it only.
		if start, _ := local.ZoneBounds(); !start.IsZero() && prev.Before(start) {
			prev = u.Add(-time.Minute)
			if u.After(start) {
				prev = start.Truncate(time.Minute)
			}
		}
		u = prev
	}
	return time.Time{}
}

// after returns the first tick after t, the zero time where there is none.
func (s schedule) after(t time.Time, loc *time.Location) time.Time {
	limit := t.Add(horizon)
	for u := t.Truncate(time.Minute).Add(time.Minute); u.Before(limit); {
		if s.at(u, loc) {
			return u
		}
		local := u.In(loc)
		w := wall(local)
		ahead := time.Minute
		switch minute := w.Minute(); {
		case !s.day(w):
			ahead = midnight(w).AddDate(0, 0, 1).Sub(w)
		case !has(s.hours, w.Hour()):
			ahead = time.Duration(60-minute) * time.Minute
		default:
			for m := minute + 1; m < 60 && !has(s.minutes, m); m++ {
				ahead += time.Minute
			}
		}
		next := u.Add(ahead)
		if _, end := local.ZoneBounds(); !end.IsZero() && next.After(end) && end.Sub(u) >= time.Minute {
			next = end.Truncate(time.Minute)
		}
		u = next
	}
	return time.Time{}
}

// lastChange returns how long ago the zone's offset last changed, and by how
// much: positive where the clocks went forward. Both are 0 where it never did.
func lastChange(local time.Time) (since, change time.Duration) {
	start, _ := local.ZoneBounds()
	if start.IsZero() {
		return 0, 0
	}
	_, now := local.Zone()
	_, before := start.Add(-time.Second).Zone()
	return local.Sub(start), time.Duration(now-before) * time.Second
}

// wall is the reading of a local clock, as a time in UTC.
func wall(local time.Time) time.Time {
	y, mo, d := local.Date()
	h, mi, _ := local.Clock()
	return time.Date(y, mo, d, h, mi, 0, 0, time.UTC)
}

func midnight(wall time.Time) time.Time { return wall.Truncate(24 * time.Hour) }

func has(bits uint64, v int) bool { return bits&(1<<v) != 0 }

func always(time.Duration) bool { return true }
func never(time.Duration) bool  { return false }

// all has a bit for each number up to n.
func all(n int) uint64 { return 1<<(n+1) - 1 }
