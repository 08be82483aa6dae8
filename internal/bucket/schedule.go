package bucket

import "time"

// schedule is a set of ticks on the wall clock of a time zone. A wall-clock
// minute is written as a time.Time in UTC that shows the same reading.
//
// Neither of the two cron libraries that are kept up finds these ticks in
// every zone (measured against the definition below, minute by minute):
// adhocore/gronx 1.20.4 goes wrong in overlaps and in PrevTick, even at
// midnight of a zone without a change that night; netresearch/go-cron 0.9.1
// loses or invents ticks at Lord Howe's half-hour change, and its Prev does
// not find the ticks that its Next moves out of a gap. So the library parses
// and this file walks, in both directions over one definition.
type schedule struct {
	// day says whether a date can have ticks at all; it is only asked to skip quickly.
	day func(wall time.Time) bool
	// minute says whether a minute of such a date is a tick.
	minute func(wall time.Time) bool
	// moved: ticks within a gap (the clocks go forward) happen at the first
	// instant after it, several of them once. Otherwise they do not happen.
	moved bool
	// repeated says whether ticks happen again when the clocks go back by so
	// much and the same reading comes a second time.
	repeated func(overlap time.Duration) bool
}

// horizon bounds the search: 29 February of a given weekday comes back within 40 years.
const horizon = 41 * 366 * 24 * time.Hour

// at says whether the instant t, a whole minute, is a tick.
func (s schedule) at(t time.Time, loc *time.Location) bool {
	local := t.In(loc)
	now := wall(local)
	since, change := lastChange(local)
	if change > 0 && since == 0 && s.moved { // t is the first instant after a gap
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
		prev := u.Add(-time.Minute)
		if !s.day(w) {
			prev = u.Add(-w.Sub(midnight(w)) - time.Minute)
		}
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
		next := u.Add(time.Minute)
		if !s.day(w) {
			next = u.Add(midnight(w).AddDate(0, 0, 1).Sub(w))
		}
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
