package bucket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxCron is longer than any schedule that a person wrote.
const maxCron = 256

// crontab is a schedule as crontab(5) has it: the five fields as bits, from 0 on.
type crontab struct {
	minute, hour, dom, month, dow uint64
	// domStar and dowStar: the field begins with an asterisk.
	domStar, dowStar bool
	// wild: minute or hour begins with an asterisk. cron(8) treats such jobs in
	// another way when the clocks change.
	wild bool
}

// parseCrontab reads a schedule as Vixie's cron and cronie do: load_entry,
// get_list and get_range of their entry.c. It refuses what they would take and
// then never run, or run at a minute that each machine draws for itself.
func parseCrontab(expr string) (*crontab, error) {
	expr = strings.TrimSpace(expr)
	if err := checkCron(expr); err != nil {
		return nil, err
	}
	if strings.HasPrefix(expr, "@") {
		return crontabMacro(expr)
	}
	fields := strings.FieldsFunc(expr, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) != 5 {
		return nil, fmt.Errorf("%d fields, and a crontab has five: minute, hour, day of month, month, day of week", len(fields))
	}
	var c crontab
	for i, f := range []struct {
		name      string
		low, high int
		names     []string
		bits      *uint64
	}{
		{"minute", 0, 59, nil, &c.minute},
		{"hour", 0, 23, nil, &c.hour},
		{"day of month", 1, 31, nil, &c.dom},
		{"month", 1, 12, monthNames, &c.month},
		{"day of week", 0, 7, dayNames, &c.dow},
	} {
		for item := range strings.SplitSeq(fields[i], ",") {
			bits, err := crontabRange(item, f.low, f.high, f.names)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", f.name, item, err)
			}
			*f.bits |= bits
		}
	}
	star := func(i int) bool { return fields[i][0] == '*' }
	c.domStar, c.dowStar, c.wild = star(2), star(4), star(0) || star(1)
	if has(c.dow, 7) { // Sunday has two numbers
		c.dow |= 1
	}
	c.dow &= all(6)
	return &c, nil
}

// checkCron refuses what no two machines would agree on, for every parser.
func checkCron(expr string) error {
	switch {
	case expr == "":
		return errors.New("the schedule is empty")
	case len(expr) > maxCron:
		return fmt.Errorf("the schedule has %d characters, more than %d", len(expr), maxCron)
	case strings.HasPrefix(expr, "@every"):
		return errors.New("@every counts from the start of each machine, so no two agree on its ticks")
	case strings.Contains(expr, "TZ"):
		return errors.New("a time zone is not part of the schedule: --timezone names it")
	}
	return nil
}

// monthNames and dayNames give numbers to names, counted from the field's lowest number.
var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

func crontabMacro(expr string) (*crontab, error) {
	c := &crontab{minute: 1, hour: 1, dom: all(31) &^ 1, month: all(12) &^ 1, dow: all(6)}
	switch expr {
	case "@yearly", "@annually":
		c.dom, c.month, c.dowStar = 1<<1, 1<<1, true
	case "@monthly":
		c.dom, c.dowStar = 1<<1, true
	case "@weekly":
		c.dow, c.domStar = 1, true
	case "@daily", "@midnight":
	case "@hourly":
		c.hour, c.wild = all(23), true
	default:
		return nil, fmt.Errorf("%s is none of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually", expr)
	}
	return c, nil
}

// crontabRange reads one item of a list: *, n, n-m, each but n with /step.
func crontabRange(item string, low, high int, names []string) (uint64, error) {
	text, stepText, stepped := strings.Cut(item, "/")
	from, to := low, high
	if text != "*" {
		first, second, isRange := strings.Cut(text, "-")
		n, err := crontabNumber(first, low, names)
		if err != nil {
			return 0, err
		}
		from, to = n, n
		switch {
		case isRange:
			if to, err = crontabNumber(second, low, names); err != nil {
				return 0, err
			}
		case stepped:
			return 0, fmt.Errorf("cron takes a step after * or a range only: write %d-%d/%s", n, high, stepText)
		}
		if high == 7 && from > to && to == 0 && !stepped { // FRI-SUN: cronie reads Sunday as 7 there
			to = 7
		}
	}
	step := 1
	if stepped {
		n, err := crontabNumber(stepText, 0, nil)
		if err != nil || n == 0 {
			return 0, errors.New("a step is a whole number above 0")
		}
		step = n
	}
	switch {
	case from < low || to > high:
		return 0, fmt.Errorf("not from %d to %d", low, high)
	case from > to:
		return 0, fmt.Errorf("it ends before it begins, so cron would never run it: write %d-%d,%d-%d", from, high, low, to)
	}
	var bits uint64
	for i := from; i <= to; i += step {
		bits |= 1 << i
	}
	return bits, nil
}

func crontabNumber(text string, low int, names []string) (int, error) {
	if strings.Contains(text, "~") {
		return 0, errors.New("each machine would draw a number of its own, so no two agree on the ticks")
	}
	if text != "" && strings.Trim(text, "0123456789") == "" {
		n, err := strconv.Atoi(text)
		if err != nil || n > 1000 { // more than any field has; sums stay small
			return 1000, nil //nolint:nilerr // a number of too many digits is just too large
		}
		return n, nil
	}
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return low + i, nil
		}
	}
	if names != nil {
		return 0, fmt.Errorf("neither a number nor a name of three letters such as %s", names[0])
	}
	return 0, errors.New("not a number")
}

// day: where day of month and day of week are both restricted, a date is right
// when either is. A field that begins with * is not restricted, whatever its step.
func (c *crontab) day(w time.Time) bool {
	if !has(c.month, int(w.Month())) {
		return false
	}
	dom, dow := has(c.dom, w.Day()), has(c.dow, int(w.Weekday()))
	if c.domStar || c.dowStar {
		return dom && dow
	}
	return dom || dow
}

// correction is the change of the clocks from which on cron(8) takes it for a
// correction of a wrong clock, and treats no job in another way.
const correction = 3 * time.Hour

// ticks are the starts that cron(8) makes of the schedule in its own zone. A
// job whose minute and hour both do not begin with * and whose time falls into
// a gap (the clocks go forward) starts right after it, and does not start again
// when the clocks go back. Other jobs start by the reading of the clock alone.
//
// Under CRON_TZ cronie goes by the reading of that zone's clock for all of them.
func (c *crontab) ticks(cronTZ bool) schedule {
	s := schedule{
		day:    c.day,
		minute: func(w time.Time) bool { return has(c.hour, w.Hour()) && has(c.minute, w.Minute()) },
		hours:  c.hour, minutes: c.minute,
		moved: never, repeated: always,
	}
	if !c.wild && !cronTZ {
		s.moved = func(gap time.Duration) bool { return gap <= correction }
		s.repeated = func(overlap time.Duration) bool { return overlap > correction }
	}
	return s
}
