package bucket

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/mongogate/mongogate/test/must"
)

// dial is what the clocks of a zone show in a window of instants.
type dial struct {
	loc      *time.Location
	instants []time.Time
	readings []time.Time               // of instants, in their order
	shown    map[time.Time][]time.Time // reading → the instants that show it
}

func newDial(loc *time.Location, from, to time.Time) *dial {
	d := &dial{loc: loc, shown: map[time.Time][]time.Time{}}
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		w := wall(t.In(loc))
		d.instants, d.readings = append(d.instants, t), append(d.readings, w)
		d.shown[w] = append(d.shown[w], t)
	}
	return d
}

// ticks is the definition from the side of the wall clock, without
// ZoneBounds: every reading that the rule names is looked up among the instants that show it.
func (d *dial) ticks(s schedule) map[time.Time]bool {
	ticks := map[time.Time]bool{}
	for w := d.readings[0]; !w.After(d.readings[len(d.readings)-1]); w = w.Add(time.Minute) {
		if !s.day(w) || !s.minute(w) {
			continue
		}
		at := d.shown[w]
		if len(at) == 0 {
			for i, r := range d.readings {
				if r.After(w) {
					if s.moved(r.Sub(d.readings[i-1]) - time.Minute) {
						at = d.instants[i : i+1]
					}
					break
				}
			}
		}
		if len(at) == 2 && !s.repeated(at[1].Sub(at[0])) {
			at = at[:1]
		}
		for _, t := range at {
			ticks[t] = true
		}
	}
	return ticks
}

func TestTicksAreThoseOfTheDefinitionInEveryZone(t *testing.T) {
	windows := map[string][]string{ // days around changes of the clocks
		"UTC":                 {"2026-03-01", "2027-12-31"},
		"Europe/Berlin":       {"2026-03-29", "2026-10-25"},
		"America/New_York":    {"2026-03-08", "2026-11-01"},
		"Australia/Lord_Howe": {"2026-04-05", "2026-10-04"}, // half an hour
		"Asia/Kathmandu":      {"2026-06-01"},               // +05:45
		"Asia/Kolkata":        {"2026-06-01"},               // +05:30
		"Pacific/Chatham":     {"2026-04-05", "2026-09-27"}, // +12:45/+13:45
		"America/Sao_Paulo":   {"2018-11-04", "2018-02-18"}, // gap and overlap at midnight
		"America/Havana":      {"2026-03-08", "2026-11-01"}, // gap and overlap at midnight
		"Pacific/Apia":        {"2011-12-30"},               // a whole day left out
		"Africa/Casablanca":   {"2026-02-15", "2026-03-22"}, // back for Ramadan
		"Antarctica/Troll":    {"2026-03-29", "2026-10-25"}, // two hours
	}
	specs := []string{
		"15m", "30m", "45m", "1h", "90m", "2h", "6h", "1d", "2d", "cron:30 2 * * *", "cron:0 2 * * *", "cron:15,45 1 * * *", "cron:0 0 * * *", "cron:30 0 * * *",
		"cron:*/20 * * * *", "cron:30 1 * * 0", "cron:5 */2 * * *", "cron:59 23 * * *", "cron:0 12 31 12 *", "cron:10 1-3 1 * SUN", "cron:*/20 2 * * *", "cron:30 */2 * * *",
	}
	for zone, days := range windows {
		loc := must.Get(time.LoadLocation(zone))(t)
		for _, d := range days {
			mid, _ := time.Parse(time.DateOnly, d)
			dial := newDial(loc, mid.Add(-3*24*time.Hour), mid.Add(3*24*time.Hour))
			for _, text := range specs {
				spec := must.Get(ParseSpec(text))(t)
				dial.check(t, text, spec.ticks.(schedule))
				if spec.kind == cronTick {
					dial.check(t, text+" under CRON_TZ", spec.UnderCronTZ().ticks.(schedule))
				}
			}
		}
	}
}

// check compares both directions with the definition.
func (d *dial) check(t *testing.T, name string, s schedule) {
	t.Helper()
	ticks := d.ticks(s)
	before := make([]time.Time, len(d.instants)) // last tick at or before each instant
	after := make([]time.Time, len(d.instants))  // first tick after it
	for i, last := 0, (time.Time{}); i < len(before); i++ {
		if ticks[d.instants[i]] {
			last = d.instants[i]
		}
		before[i] = last
	}
	for i, next := len(after)-1, (time.Time{}); i >= 0; i-- {
		after[i] = next
		if ticks[d.instants[i]] {
			next = d.instants[i]
		}
	}
	for _, i := range d.samples() {
		at := d.instants[i].Add(13 * time.Second)
		if got := s.atOrBefore(at, d.loc); !before[i].IsZero() && !got.Equal(before[i]) {
			t.Fatalf("%v %s: last tick before %v is %v, want %v", d.loc, name, at.In(d.loc), got.In(d.loc), before[i].In(d.loc))
		}
		if got := s.after(at, d.loc); !after[i].IsZero() && !got.Equal(after[i]) {
			t.Fatalf("%v %s: first tick after %v is %v, want %v", d.loc, name, at.In(d.loc), got.In(d.loc), after[i].In(d.loc))
		}
	}
}

// samples are places in the middle two days: a few hours apart, and close on
// both sides of every change of the clocks. The window's own ends could cut a gap.
func (d *dial) samples() (places []int) {
	const day = 24 * 60
	for i := 2 * day; i < 4*day; i++ {
		if i%287 == 0 {
			places = append(places, i)
		}
		if d.readings[i].Sub(d.readings[i-1]) != time.Minute {
			for _, near := range []int{-125, -61, -31, -1, 0, 1, 14, 29, 30, 59, 61, 95, 125, 181} {
				places = append(places, i+near)
			}
		}
	}
	return places
}

func TestWalkEnds(t *testing.T) {
	leap := must.Get(ParseSpec("cron:0 0 29 2 *"))(t)
	// 2100 is no leap year: eight years lie between.
	at := time.Date(2097, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, want := leap.ticks.after(at, time.UTC), time.Date(2104, 2, 29, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("after %v: %v, want %v", at, got, want)
	}
	if got, want := leap.ticks.(schedule).atOrBefore(time.Date(2104, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC), time.Date(2096, 2, 29, 0, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("before 2104: %v, want %v", got, want)
	}
}

// Behind a change of the clocks by half an hour the library finds other ticks from another place: those that count are those of the
// controller, which has walked there tick by tick. The instants are some of those at which a walk that begins at the change is wrong.
func TestTicksBehindAChange(t *testing.T) {
	loc := must.Get(time.LoadLocation("Australia/Lord_Howe"))(t)
	for _, c := range []struct{ expr, at string }{
		{"0 0 * * *", "2026-10-05T02:36:40+11:00"},
		{"15 0 * * *", "2026-04-06T03:13:22+10:30"},
		{"0 */5 * * *", "2026-04-05T06:13:45+10:30"},
	} {
		at := must.Get(time.Parse(time.RFC3339, c.at))(t)
		job := must.Get(parseCronJob(c.expr))(t)
		var before time.Time
		after := job.after(at.AddDate(0, -2, 0), loc)
		for !after.After(at) {
			before, after = after, job.after(after, loc)
		}
		if last, next := job.around(at, loc); !last.Equal(before) || !next.Equal(after) {
			t.Errorf("%q at %s: between %v and %v, want %v and %v", c.expr, c.at, last, next, before, after)
		}
	}
}
