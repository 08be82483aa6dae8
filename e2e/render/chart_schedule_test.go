package render

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	kubecron "github.com/robfig/cron/v3"
	"helm.sh/helm/v4/pkg/chart/common"
)

// scheduleCases are schedules at the borders of what Kubernetes' parser takes.
var scheduleCases = []string{
	"0 3 * * *", "*/60 * * * *", "*/90 * * * *", "0 0 */31 * *", "0 0 */100,1-7 * MON", "22-2 * * * *", "0 0 * * FRI-SUN", "0 0 * * 7", "0 0 * * 6", "@Daily", "@daily", "@hourly",
	"@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@reboot", "@daily ", " @daily", "@", "H 3 * * *", "0 0 L * *", "0 25 * * *", "60 * * * *", "0 0 0 * *", "0 0 32 * *",
	"0 0 * 13 *", "0 0 * 0 *", "0 3 * * ?", "? ? ? ? ?", "5/15 * * * *", "0 0 * JAN-mar Mon-FRI", "0 0 * january *", "1,,2 * * * *", ", * * * *", "* , * * *", "* * , , ,", "+5 * * * *", "-5 * * * *",
	"007 3 * * *", "*-9 * * * *", "*-foo-bar * * * *", "*-9/2 * * * *", "?/5 * * * *", "**  * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "*/0 * * * *", "*/-1 * * * *", "*/+2 * * * *", "*/x * * * *", "*/ * * * *",
	"/5 * * * *", "- * * * *", "1- * * * *", "-1 * * * *", "0\t3 * * *", "0 3 * * *\n", "0\u00a03 * * *", "0\u200b3 * * *", "0 3 * *", "0 3 * * * *", "   ", "*/9223372036854775807 * * * *", "*/9223372036854775808 * * * *",
	"99999999999999999999 * * * *", "0 0 29 2 *", "0 0 30 2 *", "0 0 31 4,6 *", "0 0 31 */2 *", "0 0 29,30 2 *", "0 0 29 2 1", "0 0 */1 * 1", "0 0 */2 * 1", "0 0 1-31 * 1", "0 0 1 1,2 *", "0 9-17 * * *",
	"* * * * *", "30 0-23 * * *", "0 0 31 * *", "0 0 * * 0-6", "0 0 1 * */1", "1_0 * * * *", "0x5 * * * *", "1e1 * * * *", "１ * * * *", "5L * * * *", "0 0 * * 5#3", "0 0 15W * *", "0 0 * * MON#1", "1.5 * * * *", "\"0 3 * * *\"",
}

// randomField is an item of a field, sometimes wrong.
func randomField(rng *rand.Rand, low, high int, names []string) string {
	n := func() string {
		switch {
		case names != nil && rng.IntN(4) == 0:
			return names[rng.IntN(len(names))]
		case rng.IntN(12) == 0:
			return []string{"*", "?", "", "+3", "007", "H", "L", "x"}[rng.IntN(8)]
		}
		return fmt.Sprint(low + rng.IntN(high-low+2) - rng.IntN(2))
	}
	s := n()
	switch rng.IntN(5) {
	case 0:
		s = "*"
	case 1, 2:
		s += "-" + n()
	}
	if rng.IntN(3) == 0 {
		s += fmt.Sprint("/", rng.IntN(high+2))
	}
	if rng.IntN(5) == 0 {
		s += "," + randomField(rng, low, high, names)
	}
	return s
}

func randomSchedule(rng *rand.Rand) string {
	months := []string{"jan", "FEB", "Mar", "dec", "sept"}
	days := []string{"sun", "MON", "Sat", "monday"}
	f := []string{randomField(rng, 0, 59, nil), randomField(rng, 0, 23, nil), randomField(rng, 1, 31, nil), randomField(rng, 1, 12, months), randomField(rng, 0, 6, days)}
	for i := range f {
		if rng.IntN(2) == 0 {
			f[i] = "*"
		}
	}
	return strings.Join(f, " ")
}

// longestWait is the longest time between two ticks of a schedule in 2095 to 2105, in which a 29 February is left out, and of one in which it is not.
func longestWait(s kubecron.Schedule) (longest time.Duration) {
	for _, year := range []int{2095, 2026} {
		last := time.Time{}
		end := time.Date(year+11, 1, 1, 0, 0, 0, 0, time.UTC)
		for at, n := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), 0; n < 400; n++ {
			at = s.Next(at)
			if at.IsZero() || at.After(end) {
				break
			}
			if !last.IsZero() {
				longest = max(longest, at.Sub(last))
			}
			last = at
			if n%20 == 19 { // dense schedules: on to the end of the month, of the year
				at = at.AddDate(0, n%3, 27-at.Day())
				last = time.Time{}
			}
		}
	}
	return longest
}

// The templates take the schedules that Kubernetes' parser takes, and no others;
// and records are kept for longer than any of them waits.
func TestChartSchedulesAreKubernetes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 2))
	all := append([]string{}, scheduleCases...)
	for len(all) < 1000 {
		all = append(all, randomSchedule(rng))
	}
	list := must.Get(json.Marshal(all))(t)
	c := load(t, charts+"/mongogate")
	c.Templates = append(c.Templates, &common.File{Name: "templates/all-schedules.yaml", Data: []byte(
		`{{- $all := list }}{{ range b64dec "` + base64.StdEncoding.EncodeToString(list) + `" | fromJsonArray }}{{ $all = append $all (dict "problem" (include "mongogate.schedule.problem" .) "period" (include "mongogate.period" . | float64)) }}{{ end }}
schedules: {{ $all | toJson | quote }}`)})
	out := must.Get(helmChart(t, c, values(t, leastApp), "v1.36.3"))(t)
	_, text, _ := strings.Cut(out.Manifest, "schedules: ")
	text, _, _ = strings.Cut(text, "\n---")
	var quoted string
	if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &quoted); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	var got []struct {
		Problem string
		Period  float64
	}
	if err := json.Unmarshal([]byte(quoted), &got); err != nil || len(got) != len(all) {
		t.Fatalf("%d answers, %v", len(got), err)
	}
	taken := 0
	for i, s := range all {
		parsed, err := parseKubernetes(s)
		if (err == nil) != (got[i].Problem == "") {
			t.Errorf("%q: the chart says %q, and Kubernetes %v (seed %d)", s, got[i].Problem, err, seed)
		}
		if err != nil || got[i].Problem != "" {
			continue
		}
		taken++
		if wait := longestWait(parsed); time.Duration(got[i].Period)*time.Millisecond < wait {
			t.Errorf("%q waits for %v, and the chart keeps records for %v (seed %d)", s, wait, time.Duration(got[i].Period)*time.Millisecond, seed)
		}
	}
	t.Logf("%d schedules, %d of them taken (seed %d)", len(all), taken, seed)
	if taken < 100 {
		t.Errorf("only %d taken", taken)
	}
}

// parseKubernetes is validateScheduleFormat of pkg/apis/batch/validation, for an object that is made.
func parseKubernetes(s string) (kubecron.Schedule, error) {
	if strings.Contains(s, "TZ") {
		return nil, fmt.Errorf("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
	}
	return kubecron.ParseStandard(s)
}
