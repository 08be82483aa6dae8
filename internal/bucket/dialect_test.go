package bucket

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/mongogate/mongogate/test/must"
)

// What Kubernetes takes and refuses as a CronJob's schedule, and so do we.
func TestCronJobSchedulesAreKubernetes(t *testing.T) {
	for _, s := range []string{
		"*/60 * * * *", "*/90 * * * *", "0 0 */31 * *", "0 0 */100,1-7 * MON", "0 3 * * ?", "5/15 * * * *", "0 0 * JAN-mar Mon-FRI",
		"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "1,,2 * * * *", "+5 * * * *", "007 3 * * *", "*-9 * * * *", "0\t3 * * *",
	} {
		if _, err := ParseCronJobSpec("cron:" + s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for s, want := range map[string]string{
		"22-2 * * * *": "beyond end of range", "0 0 * * FRI-SUN": "beyond end of range", "0 0 * * 7": "above maximum", "@Daily": "unrecognized descriptor",
		"H 3 * * *": "failed to parse int", "0 0 L * *": "failed to parse int", "@reboot": "unrecognized descriptor", "0 25 * * *": "above maximum",
		"0 3 * *": "expected exactly 5 fields", "0 3 * * * *": "expected exactly 5 fields", "@every 1h": "counts from the start of each machine",
		"TZ=UTC 0 3 * * *": "--timezone", "CRON_TZ=UTC 0 3 * * *": "--timezone", "TZ=UTC": "--timezone", "0 0 30 2 *": "never fires", ", * * * *": "never fires",
		"*/0 * * * *": "step of range", "-5 * * * *": "failed to parse int", "1-2-3 * * * *": "too many hyphens", "1/2/3 * * * *": "too many slashes",
	} {
		if _, err := ParseCronJobSpec("cron:" + s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}

// What cron takes and refuses in a crontab, and so do we, but for what it takes and never runs, or draws anew.
func TestCrontabSchedulesAreCrons(t *testing.T) {
	for s, want := range map[string]string{ // the next tick after 2026-11-22T03:00Z, a Sunday
		"*/60 * * * *": "2026-11-22T04:00Z", "*/90 * * * *": "2026-11-22T04:00Z", "0 0 */31 * *": "2026-12-01T00:00Z", "0 0 * * 7": "2026-11-29T00:00Z",
		"0 0 * * FRI-SUN": "2026-11-27T00:00Z", "0 0 * * 5-7": "2026-11-27T00:00Z", "0 0 * * mon,WED": "2026-11-23T00:00Z", "0 0 1 jan *": "2027-01-01T00:00Z",
		"0 0 */2 * 1":    "2026-11-23T00:00Z", // a step of * is no restriction: Mondays on odd days
		"0 0 1-31/2 * 1": "2026-11-23T00:00Z", "0 0 2 * 1": "2026-11-23T00:00Z", "0 0 24 * 1": "2026-11-23T00:00Z", "0 0 25 * */2": "2027-02-25T00:00Z",
		"@hourly": "2026-11-22T04:00Z", "@daily": "2026-11-23T00:00Z", "@midnight": "2026-11-23T00:00Z", "@weekly": "2026-11-29T00:00Z",
		"@monthly": "2026-12-01T00:00Z", "@yearly": "2027-01-01T00:00Z", "@annually": "2027-01-01T00:00Z", "0  3\t* * *": "2026-11-23T03:00Z", "0 0 29 2 *": "2028-02-29T00:00Z",
	} {
		spec, err := ParseSpec("cron:" + s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if got := spec.ticks.after(time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), time.UTC).Format(ID); got != want {
			t.Errorf("%q: next is %s, want %s", s, got, want)
		}
	}
	for s, want := range map[string]string{
		"22-2 * * * *": "would never run it: write 22-59,0-2", "5-0 * * * *": "would never run it", "5/15 * * * *": "write 5-59/15", "0~59 3 * * *": "draw a number", "~ 3 * * *": "draw a number",
		"0 3 * * ?": "neither a number nor a name", "? 3 * * *": "not a number", "H 3 * * *": "not a number", "0 0 L * *": "not a number", "@reboot": "none of @hourly", "@Daily": "none of @hourly",
		"0 25 * * *": "not from 0 to 23", "60 * * * *": "not from 0 to 59", "0 0 0 * *": "not from 1 to 31", "0 0 * 13 *": "not from 1 to 12", "0 0 * * 8": "not from 0 to 7",
		"*/0 * * * *": "above 0", "*/x * * * *": "above 0", "1,,2 * * * *": "not a number", "+5 * * * *": "not a number", "-5 * * * *": "not a number", "1-2-3 * * * *": "not a number",
		"0 0 * january *": "name of three letters", "*-9 * * * *": "not a number", "99999999999999999999 * * * *": "not from 0 to 59", "0 0 * * 0-8": "not from 0 to 7",
		"0 3 * *": "4 fields", "0 3 * * * *": "6 fields", "0 0 30 2 *": "never fires", "TZ=UTC 0 3 * * *": "--timezone",
	} {
		if _, err := ParseSpec("cron:" + s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}

// randomSchedule makes a schedule that is sometimes wrong.
func randomSchedule(rng *rand.Rand) string {
	atom := func(low, high int, names []string) string {
		n := func() string {
			if names != nil && rng.IntN(4) == 0 {
				return names[rng.IntN(len(names))]
			}
			return fmt.Sprint(low + rng.IntN(high-low+2))
		}
		s := n()
		switch rng.IntN(5) {
		case 0:
			s = "*"
		case 1, 2:
			s = n() + "-" + n()
		}
		if rng.IntN(3) == 0 {
			s += fmt.Sprint("/", rng.IntN(high+2))
		}
		return s
	}
	var fields []string
	for _, f := range []struct {
		low, high int
		names     []string
	}{{0, 59, nil}, {0, 23, nil}, {1, 31, nil}, {1, 12, monthNames}, {0, 6, dayNames}} {
		items := []string{atom(f.low, f.high, f.names)}
		for rng.IntN(4) == 0 {
			items = append(items, atom(f.low, f.high, f.names))
		}
		if rng.IntN(3) == 0 {
			items = []string{"*"}
		}
		fields = append(fields, strings.Join(items, ","))
	}
	return strings.Join(fields, " ")
}

// Random schedules: what Kubernetes' parser takes is taken for a CronJob and
// what it refuses is not; and what both cron and Kubernetes take has the same
// minutes by both, and the same days where cron's asterisk is Kubernetes'.
func TestRandomSchedules(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	taken, both := 0, 0
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 5000 {
		s := randomSchedule(rng)
		theirs, theirErr := cron.ParseStandard(s)
		ours, err := ParseCronJobSpec("cron:" + s)
		if never := err != nil && strings.Contains(err.Error(), "never fires"); (err != nil) != (theirErr != nil) && !never {
			t.Fatalf("seed %d: %q: %v, and Kubernetes says %v", seed, s, err, theirErr)
		}
		if err != nil {
			continue
		}
		taken++
		if got, want := ours.ticks.after(from, time.UTC), theirs.Next(from); !got.Equal(want) {
			t.Fatalf("seed %d: %q: next is %v, and Kubernetes says %v", seed, s, got, want)
		}
		f := strings.Fields(s)
		star := func(field string) bool { return strings.Contains(field, "*") && field != "*" }
		crontab, err := ParseSpec("cron:" + s)
		if err != nil || star(f[2]) || star(f[4]) {
			continue
		}
		both++
		for range 3 {
			at := from.Add(time.Duration(rng.Int64N(int64(365 * day))))
			if got, want := crontab.ticks.after(at, time.UTC), theirs.Next(at); !got.Equal(want) && !want.IsZero() {
				t.Fatalf("seed %d: %q: as a crontab's it is next at %v, as a CronJob's at %v", seed, s, got, want)
			}
		}
	}
	t.Logf("%d schedules taken, %d by both (seed %d)", taken, both, seed)
	if taken < 500 || both < 100 {
		t.Errorf("%d schedules taken, %d by both: too few to say anything", taken, both)
	}
}

// The parser is that of the Kubernetes that the end-to-end tests build.
func TestParserIsTheOneThatKubernetesVendors(t *testing.T) {
	version := func(file string) string {
		b := must.Get(os.ReadFile(file))(t)
		return string(regexp.MustCompile(`github.com/robfig/cron/v3 v\S+`).Find(b))
	}
	if ours, theirs := version("../../go.mod"), version("../../hack/kube/modules/kubernetes/go.mod"); ours == "" || ours != theirs {
		t.Errorf("%q here, %q in Kubernetes", ours, theirs)
	}
}

func TestMinutesOfTheFutureAreNoJobs(t *testing.T) {
	for ahead, manual := range map[time.Duration]bool{-49 * time.Hour: false, 0: false, 4 * time.Minute: false, 6 * time.Minute: true, 23 * time.Hour: true} {
		now := start.Truncate(time.Minute)
		r, err := keyOf("", "", Input{Namespace: "shop", JobName: fmt.Sprintf("reports-%d", now.Add(ahead).Unix()/60), Now: now})
		if (err != nil) != manual {
			t.Errorf("a minute %v ahead: %+v, %v", ahead, r, err)
		}
	}
	_, err := keyOf("", "", Input{Namespace: "shop", JobName: job, Now: start, NotScheduled: "somebody knows better"})
	if err == nil || !strings.Contains(err.Error(), "somebody knows better") {
		t.Errorf("a name that is not to be believed: %v", err)
	}
}

// What is refused for the longest period is refused at the first run already.
func TestRetentionIsCheckedAgainstTheLongestPeriod(t *testing.T) {
	for _, c := range []struct {
		spec string
		want time.Duration
	}{
		{"15m", 15 * time.Minute},
		{"1d", day},
		{"7d", 7 * day},
		{"auto", 0},
		{"none", 0},
		{"cron:* * * * *", time.Minute},
		{"cron:0 * * * *", time.Hour},
		{"cron:0 9-17 * * *", 16 * time.Hour},
		{"cron:0 3 * * *", day},
		{"cron:0 3 * * 1-5", 3 * day},
		{"cron:@weekly", 7 * day},
		{"cron:@monthly", 31 * day},
		{"cron:0 0 31 * *", 61 * day},
		{"cron:0 0 1 1,2 *", 335 * day},
		{"cron:@yearly", 366 * day},
		{"cron:0 0 29 2 *", 1461 * day},
	} {
		for _, parse := range []func(string) (Spec, error){ParseSpec, ParseCronJobSpec} {
			spec := must.Get(parse(c.spec))(t)
			if got := spec.Longest(); got != c.want {
				t.Errorf("%s: longest period %v, want %v", c.spec, got, c.want)
			}
		}
	}
}
