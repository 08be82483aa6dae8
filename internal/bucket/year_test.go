package bucket

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/mongogate/mongogate/test/must"
)

// Zones with every kind of change in the year: none, half an hour, an hour at
// midnight, two hours, backwards for Ramadan, and offsets of 30 and 45 minutes.
var yearZones = []string{
	"UTC", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Asia/Kathmandu",
	"America/St_Johns", "Africa/Casablanca", "America/Havana", "America/Santiago", "Australia/Adelaide", "Asia/Beirut", "Antarctica/Troll",
}

// Schedules that cron and Kubernetes both take, and mean by both the same readings of the clock.
var yearSchedules = []string{
	"*/30 * * * *", "*/20 0-3 * * *", "2-59/7 1 * * 1-5", "0 * * * *", "5 */2 * * *", "0 9-17 * * *",
	"30 2 * * *", "15 1 * * *", "0 0 * * *", "30 0 * * *", "45 23 * * *", "0 2 * * 0", "0 0 1 * *", "30 1 1-7 * 1", "59 23 28-31 * *", "30 2,3 * * *",
}

var (
	yearFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	yearTo   = time.Date(2027, 1, 3, 0, 0, 0, 0, time.UTC)
)

// standard is a schedule as Kubernetes' parser reads it.
func standard(s string) *cron.SpecSchedule {
	parsed, err := cron.ParseStandard(s)
	if err != nil {
		panic(err)
	}
	return parsed.(*cron.SpecSchedule)
}

// cronieYear is the main loop of cron.c (cronie 1.7, and Vixie's cron as
// Debian has it) over a year: for each minute that a daemon wakes up in, which
// jobs it starts. virtualTime and timeRunning are minutes of the local clock,
// as there. It takes the fields from Kubernetes' parser, so that it shares nothing with what it judges.
func cronieYear(loc *time.Location, schedules []string) [][]time.Time {
	type job struct {
		*cron.SpecSchedule
		wild bool
	}
	jobs := make([]job, len(schedules))
	for i, s := range schedules {
		f := strings.Fields(s)
		jobs[i] = job{standard(s), f[0][0] == '*' || f[1][0] == '*'}
	}
	starts := make([][]time.Time, len(jobs))
	var now time.Time
	find := func(virtual int64, doWild, doNonWild bool) {
		w := time.Unix(virtual*60, 0).UTC()
		for i, j := range jobs {
			if j.Minute>>w.Minute()&1 == 0 || j.Hour>>w.Hour()&1 == 0 || j.Month>>int(w.Month())&1 == 0 {
				continue
			}
			dom, dow := j.Dom>>w.Day()&1 == 1, j.Dow>>int(w.Weekday())&1 == 1
			if star := j.Dom>>63 == 1 || j.Dow>>63 == 1; star && (!dom || !dow) || !star && !dom && !dow {
				continue
			}
			if (!j.wild || !doWild) && (j.wild || !doNonWild) {
				continue
			}
			// Two starts in one minute are one run: nothing but the time tells them apart.
			if n := len(starts[i]); n == 0 || !starts[i][n-1].Equal(now) {
				starts[i] = append(starts[i], now)
			}
		}
	}
	virtual, first := int64(0), true
	for now = yearFrom; now.Before(yearTo); now = now.Add(time.Minute) {
		_, offset := now.In(loc).Zone()
		running := (now.Unix() + int64(offset)) / 60
		if first {
			virtual, first = running-1, false
		}
		switch diff := running - virtual; {
		case diff == 1:
			virtual = running
			find(virtual, true, true)
		case diff > 3*60 || diff < -3*60:
			virtual = running
			find(virtual, true, true)
		case diff > 5: // medium: the clocks went forward
			find(running, true, false)
			for virtual < running {
				virtual++
				find(virtual, false, true)
			}
		case diff > 0:
			for virtual < running {
				virtual++
				find(virtual, true, true)
			}
		default: // they went back: virtual time stands still
			find(running, true, false)
		}
	}
	return starts
}

// cronTZYear is cronie under CRON_TZ on a machine whose own zone never changes: each minute by the reading of that zone's clock.
func cronTZYear(loc *time.Location, schedules []string) [][]time.Time {
	all := make([][]time.Time, len(schedules))
	for i, s := range schedules {
		j := standard(s)
		for now := yearFrom; now.Before(yearTo); now = now.Add(time.Minute) {
			if w := now.In(loc); j.Minute>>w.Minute()&1 == 1 && j.Hour>>w.Hour()&1 == 1 && (&cronJob{j}).date(wall(w)) {
				all[i] = append(all[i], now)
			}
		}
	}
	return all
}

// kubernetesYears are the years that have been walked, by zone.
var kubernetesYears = map[string][][]time.Time{}

// kubernetesYear is what the controller of CronJobs schedules: from one scheduled minute to the next, by the parser that Kubernetes vendors.
func kubernetesYear(loc *time.Location, schedules []string) [][]time.Time {
	if all := kubernetesYears[loc.String()]; all != nil {
		return all
	}
	all := make([][]time.Time, len(schedules))
	kubernetesYears[loc.String()] = all
	for i, s := range schedules {
		parsed := standard("TZ=" + loc.String() + " " + s)
		for t := parsed.Next(yearFrom.AddDate(0, -2, 0)); t.Before(yearTo); t = parsed.Next(t) {
			if !t.Before(yearFrom) {
				all[i] = append(all[i], t.UTC())
			}
		}
	}
	return all
}

// sample is how much of a year is looked at. Of schedules with more than dense
// ticks it is every tick within a day of a change of the clocks, and one in some of the others.
type sample struct {
	schedules              []string
	dense, oneIn, machines int
	least                  int // runs
}

// Kubernetes' parser takes ten times as long for a step as cron's.
var (
	many = sample{yearSchedules, 1000, 6, 2, 100_000}
	few  = sample{yearSchedules[4:], 300, 12, 1, 5_000}
)

// years counts what a year of runs came to.
type years struct {
	runs, lost, doubled int
	examples            []string
}

func (y *years) bad(n *int, format string, args ...any) {
	*n++
	if len(y.examples) < 20 {
		y.examples = append(y.examples, fmt.Sprintf(format, args...))
	}
}

// run gives each tick of a year to some machines that start late, up to nine
// tenths of the way to the next tick, and by clocks that are wrong by up to the
// skew that is allowed there; each has to find the same bucket, and one that no other tick has.
func (y *years) run(name string, ticks []time.Time, of func(start, tick time.Time) string, near func(time.Time) bool, c sample, rng *rand.Rand) {
	seen := make(map[string]time.Time, len(ticks))
	for i := 1; i < len(ticks)-1; i++ {
		tick, before, period := ticks[i], ticks[i].Sub(ticks[i-1]), ticks[i+1].Sub(ticks[i])
		if len(ticks) > c.dense && !near(tick) && rng.IntN(c.oneIn) != 0 {
			continue
		}
		y.runs++
		early, late := min(ClockSkew, before/10), period*9/10
		var first string
		for machine := range c.machines {
			// Before the start of that clock's minute, or behind it; late, but with its error not beyond nine tenths.
			start := -time.Duration(rng.Int64N(int64(early)))
			switch rng.IntN(4) {
			case 0:
			case 1:
				start = 0
			case 2:
				start = late
			default:
				start += time.Duration(rng.Int64N(int64(late)))
			}
			id := of(tick.Add(start), tick)
			switch {
			case machine == 0:
				first = id
				if other, ok := seen[id]; ok {
					y.bad(&y.lost, "%s: tick %v, start %v after it: bucket %s was that of tick %v", name, tick, start, id, other)
				}
				seen[id] = tick
			case id != first:
				y.bad(&y.doubled, "%s: tick %v: bucket %s, and %s for a start %v after it", name, tick, first, id, start)
			}
		}
	}
}

// changes says whether an instant is within a day of a change of the clocks.
func changes(loc *time.Location) func(time.Time) bool {
	return func(t time.Time) bool {
		start, end := t.In(loc).ZoneBounds()
		return !start.IsZero() && t.Sub(start) < day || !end.IsZero() && end.Sub(t) < day
	}
}

// A year of runs in every zone, as cron, cron under CRON_TZ and Kubernetes start
// them: no bucket is that of two ticks, and no tick has two buckets.
func TestYearOfRunsInEveryZone(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	parsed := func(parse func(string) (Spec, error), s string) Spec {
		spec := must.Get(parse("cron:" + s))(t)
		return spec
	}
	slot := func(spec Spec, loc *time.Location) func(start, tick time.Time) string {
		return func(start, _ time.Time) string {
			s, ok := spec.Of(start, loc)
			if !ok {
				return "none"
			}
			return s.ID
		}
	}
	cases := []struct {
		name string
		sample
		year func(*time.Location, []string) [][]time.Time
		of   func(s string, loc *time.Location) func(start, tick time.Time) string
	}{
		{"cron", many, cronieYear, func(s string, loc *time.Location) func(start, tick time.Time) string {
			return slot(parsed(ParseSpec, s), loc)
		}},
		{"cron under CRON_TZ", many, cronTZYear, func(s string, loc *time.Location) func(start, tick time.Time) string {
			return slot(parsed(ParseSpec, s).UnderCronTZ(), loc)
		}},
		{"Kubernetes, by the pod's clock", sample{few.schedules, few.dense, few.oneIn, 2, few.least}, kubernetesYear, func(s string, loc *time.Location) func(start, tick time.Time) string {
			return slot(parsed(ParseCronJobSpec, s), loc)
		}},
		{"Kubernetes, by the Job's name", few, kubernetesYear, func(s string, loc *time.Location) func(start, tick time.Time) string {
			spec := parsed(ParseCronJobSpec, s)
			template := must.Get(ParseTemplate("k"))(t)
			return func(start, tick time.Time) string {
				r, err := Key(Input{Template: template, Spec: spec, Zone: loc, Now: start, JobName: fmt.Sprintf("report-%d", tick.Unix()/60)})
				if err != nil {
					return err.Error()
				}
				if !r.BucketTime.Equal(tick) {
					return "another than its minute: " + r.Bucket
				}
				return r.Bucket
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			y := new(years)
			for z, zone := range yearZones {
				loc := must.Get(time.LoadLocation(zone))(t)
				rng := rand.New(rand.NewPCG(seed, uint64(z)))
				for i, ticks := range c.year(loc, c.schedules) {
					y.run(zone+" "+c.schedules[i], ticks, c.of(c.schedules[i], loc), changes(loc), c.sample, rng)
				}
			}
			t.Logf("%d runs in %d zones, %d lost, %d doubled (seed %d)", y.runs, len(yearZones), y.lost, y.doubled, seed)
			if y.lost+y.doubled > 0 {
				t.Errorf("%d lost, %d doubled:\n%s", y.lost, y.doubled, strings.Join(y.examples, "\n"))
			}
			if y.runs < c.least {
				t.Errorf("only %d runs", y.runs)
			}
		})
	}
}
