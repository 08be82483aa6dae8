package bucket

import (
	"errors"
	"fmt"
	"strings"
	"time"

	cron "github.com/netresearch/go-cron"
)

// maxCron is longer than any schedule that a person wrote.
const maxCron = 256

// The fields of a CronJob's schedule. What they mean together is in cronDay.
var cronParser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseCron reads a schedule of five fields, or @hourly and its like.
//
// A tick that falls into a gap (the clocks go forward) moves to the first
// instant after it, where the hour is restricted: 30 2 * * * is 03:00 that
// day. Vixie's cron does so, see cron(8). With the hour unrestricted the
// ticks of the gap do not happen, the next hour has its own. A reading that
// comes twice is two ticks, an hour apart, with ids of their own: a cron
// daemon that starts the job once meets one of them, a CronJob's controller
// starts both.
func parseCron(expr string) (schedule, error) {
	expr = strings.TrimSpace(expr)
	switch {
	case expr == "":
		return schedule{}, errors.New("the schedule is empty")
	case len(expr) > maxCron:
		return schedule{}, fmt.Errorf("the schedule has %d characters, more than %d", len(expr), maxCron)
	case strings.HasPrefix(expr, "@every"):
		return schedule{}, errors.New("@every counts from the start of each machine, so no two agree on its ticks")
	case strings.Contains(expr, "TZ="):
		return schedule{}, errors.New("a time zone is not part of the schedule: --timezone names it")
	}
	// In lower case, for the parser takes the H of THU for Jenkins's hash.
	parsed, err := cronParser.Parse(strings.ToLower(expr))
	if err != nil {
		return schedule{}, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return schedule{}, fmt.Errorf("%q has no fixed ticks", expr)
	}
	s := schedule{
		day:      func(w time.Time) bool { return cronDay(spec, w) },
		minute:   func(w time.Time) bool { return has(spec.Hour, w.Hour()) && has(spec.Minute, w.Minute()) },
		moved:    !wild(spec.Hour),
		repeated: func(time.Duration) bool { return true },
	}
	if s.after(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC).IsZero() {
		return schedule{}, errors.New("no date ever matches")
	}
	return s, nil
}

// cronDay follows cron(8) and CronJobs: where day of month and day of week are
// both restricted, a date is right when either is.
func cronDay(s *cron.SpecSchedule, w time.Time) bool {
	if !has(s.Month, int(w.Month())) {
		return false
	}
	dom, dow := has(s.Dom, w.Day()), has(s.Dow, int(w.Weekday()))
	if wild(s.Dom) || wild(s.Dow) {
		return dom && dow
	}
	return dom || dow
}

func has(bits uint64, v int) bool { return bits&(1<<v) != 0 }

// wild says whether a field was given as *: the parser's mark for it is the highest bit.
func wild(bits uint64) bool { return bits>>63 != 0 }
