package settings

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

// localtime is what the C library, and so cron and systemd, take for the machine's zone (localtime(5)).
const localtime = "/etc/localtime"

// checkZone finds the zone in which buckets are counted, where nobody names it:
// the one that cron counts in. A pod has no such zone: what is counted in days
// or by a schedule needs a name there, and the rest is counted in UTC.
func (l *loader) checkZone(s *Settings) {
	step, zoned := s.Bucket.Zoned()
	utc := func() {
		if s.Timezone == nil {
			s.Timezone = time.UTC
			l.values["timezone"] = value{text: "UTC", from: "default"}
		}
	}
	switch {
	case !zoned:
		utc()
		return
	case s.kubernetes && s.Timezone == nil && step == 0:
		l.problem("timezone", "not set, and where a day or a schedule's hour begins depends on it",
			"give --timezone, the timeZone of the CronJob, such as Etc/UTC or Europe/Berlin")
		return
	case s.kubernetes:
		utc()
		return
	}
	tz, zones := l.machineZones()
	if s.Timezone == nil {
		l.pickZone(s, zones, step)
	}
	// cronie has no rule of its own for the hours that the clocks of a CRON_TZ skip or repeat, unless it is the machine's zone.
	if machine := zones["machine"].zone; tz != nil && s.Timezone != nil && sameClock(tz, s.Timezone, 0, s.start) && (machine == nil || !sameClock(tz, machine, 0, s.start)) {
		s.Bucket = s.Bucket.UnderCronTZ()
	}
}

// namedZone is a zone of this machine, or why it has none that can be read.
type namedZone struct {
	zone *time.Location
	from string
	bad  *problem.Problem
}

// machineZones are the zones that cron may count in: that of CRON_TZ, by which
// cronie counts, also returned by itself; that of TZ; and the machine's.
func (l *loader) machineZones() (cronTZ *time.Location, zones map[string]namedZone) {
	zones = map[string]namedZone{}
	if text, ok := variable(l.Environ, "CRON_TZ"); ok && text != "" {
		z := l.zoneOf("CRON_TZ", text)
		zones["CRON_TZ"], cronTZ = z, z.zone
	}
	if text, ok := variable(l.Environ, "TZ"); ok {
		zones["TZ"] = l.zoneOf("TZ", text)
	}
	data, err := l.ReadFile(localtime)
	switch {
	case errors.Is(err, fs.ErrNotExist): // tzset(3): without it the zone is UTC
	case err != nil:
		zones["machine"] = namedZone{from: localtime, bad: wrong(localtime+" cannot be read, so the zone that cron counts in is not known", "give --timezone")}
	default:
		z := namedZone{from: localtime}
		if z.zone, err = time.LoadLocationFromTZData(l.localName(), data); err != nil {
			z.bad = wrong(localtime+" is not a time zone, so the zone that cron counts in is not known", "give --timezone")
		}
		zones["machine"] = z
	}
	return cronTZ, zones
}

// pickZone takes the zone of CRON_TZ, or that of TZ and of the machine, if they
// agree: whoever sets TZ in a crontab changes what the command sees, and not when
// cron starts it; but a container may have its zone in TZ alone.
func (l *loader) pickZone(s *Settings, zones map[string]namedZone, step time.Duration) {
	cronTZ, hasCronTZ := zones["CRON_TZ"]
	tz, hasTZ := zones["TZ"]
	machine, hasMachine := zones["machine"]
	chosen := namedZone{zone: time.UTC, from: "no " + localtime + ", so UTC"}
	switch {
	case hasCronTZ:
		chosen = cronTZ
	case machine.bad != nil:
		chosen = machine
	case hasTZ && hasMachine && tz.zone != nil && !sameClock(tz.zone, machine.zone, step, s.start):
		chosen = namedZone{bad: wrong(
			"TZ says "+tz.zone.String()+", "+localtime+" says "+machine.zone.String()+", and cron counts in the second even where a crontab sets the first",
			"give --timezone, the zone that the schedule is meant in")}
	case hasTZ:
		chosen = tz
	case hasMachine:
		chosen = machine
	}
	if chosen.bad != nil {
		l.refuse("timezone", *chosen.bad)
		return
	}
	s.Timezone = chosen.zone
	l.values["timezone"] = value{text: chosen.zone.String(), from: chosen.from, rank: rankPlatform}
}

// zoneOf reads the zone in a variable as TZ has it: a name of the database, perhaps after a colon, or an absolute path.
func (l *loader) zoneOf(variable, text string) namedZone {
	name := strings.TrimPrefix(text, ":")
	z := namedZone{from: "variable " + variable}
	var err error
	switch {
	case name == "" || name == "UTC0":
		z.zone = time.UTC
	case filepath.IsAbs(name):
		var data []byte
		if data, err = l.ReadFile(name); err == nil {
			z.zone, err = time.LoadLocationFromTZData(zoneName(name), data)
		}
	case name == "Local":
		err = errors.New("not a name")
	default:
		z.zone, err = time.LoadLocation(name)
	}
	if err != nil {
		z.zone, z.bad = nil, wrong(variable+" is "+show(text)+", which is not a name of the IANA database, so the zone that cron counts in is not known", "give --timezone")
	}
	return z
}

// localName is the zone that /etc/localtime links to, or the file's own name.
func (l *loader) localName() string {
	if l.ReadLink != nil {
		if target, err := l.ReadLink(localtime); err == nil {
			return zoneName(target)
		}
	}
	return localtime
}

// zoneName is the name of a zone in its path below a directory zoneinfo, or the path.
func zoneName(path string) string {
	if _, name, ok := strings.Cut(path, "zoneinfo/"); ok {
		return name
	}
	return path
}

// sameClock says whether two zones differ by multiples of step at any time within a year of now; 0: not at all.
func sameClock(a, b *time.Location, step time.Duration, now time.Time) bool {
	const year = 366 * 24 * time.Hour
	for t := now.Add(-year); t.Before(now.Add(year)); {
		_, x := t.In(a).Zone()
		_, y := t.In(b).Zone()
		diff := time.Duration(x-y) * time.Second
		if step == 0 && diff != 0 || step != 0 && diff%step != 0 {
			return false
		}
		next := now.Add(year)
		for _, zone := range []*time.Location{a, b} {
			if _, end := t.In(zone).ZoneBounds(); !end.IsZero() && end.Before(next) {
				next = end
			}
		}
		t = next
	}
	return true
}

// variable returns the last value of a variable, and whether there is one: an empty TZ is UTC.
func variable(environ []string, name string) (text string, ok bool) {
	for _, v := range environ {
		if n, value, found := strings.Cut(v, "="); found && n == name {
			text, ok = value, true
		}
	}
	return text, ok
}
