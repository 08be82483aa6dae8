package settings

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

// A run that is left to a holder who then fails is done by nobody where nobody
// tries again: so the default goes by who does.
func TestIfHeldGoesByWhoTriesAgain(t *testing.T) {
	for _, c := range []struct {
		why  string
		env  []string
		want string
	}{
		{"cron does not", []string{"MONGOGATE_BUCKET=1h"}, Wait},
		{"nor does it without buckets", nil, Wait},
		{"nor does a pod that no Job has made", []string{"MONGOGATE_BUCKET=1h", "KUBERNETES_SERVICE_HOST=10.0.0.1"}, Wait},
		{"a Job does", []string{"MONGOGATE_JOB_NAME=report-29921940"}, Skip},
		{"a caller may who is told", []string{"MONGOGATE_BUCKET=1h", "MONGOGATE_FAIL_IF_HELD=true"}, Skip},
		{"a caller may who is told, without buckets", []string{"MONGOGATE_FAIL_IF_HELD=true"}, Skip},
		{"the setting decides", []string{"MONGOGATE_JOB_NAME=report-29921940", "MONGOGATE_IF_HELD=wait"}, Wait},
		{"the setting decides for cron", []string{"MONGOGATE_BUCKET=1h", "MONGOGATE_IF_HELD=skip"}, Skip},
	} {
		s, err := world{env: plain(c.env...)}.load(t, "run")
		if err != nil || s.IfHeld != c.want {
			t.Errorf("%s: %v, %v, want %s", c.why, s, err, c.want)
		}
	}
}

// What has an effect on buckets alone is refused without one, and everything about waiting under --follow.
func TestRunSettingsWithoutEffect(t *testing.T) {
	by := func(env ...string) []string { return env }
	for _, c := range []struct {
		why   string
		env   []string
		field string // of the one problem; empty: accepted
	}{
		{"no-overlap", by("MONGOGATE_NO_OVERLAP=true"), "no-overlap"},
		{"no-overlap, with --bucket none", by("MONGOGATE_NO_OVERLAP=true", "MONGOGATE_BUCKET=none"), "no-overlap"},
		{"no-overlap with buckets", by("MONGOGATE_NO_OVERLAP=true", "MONGOGATE_BUCKET=1h"), ""},
		{"hold", by("MONGOGATE_ON_FAILURE=hold"), "on-failure"},
		{"release", by("MONGOGATE_ON_FAILURE=release"), "on-failure"},
		{"hold with buckets", by("MONGOGATE_ON_FAILURE=hold", "MONGOGATE_BUCKET=1h"), ""},
		{"77 for a lock that is held", by("MONGOGATE_FAIL_IF_HELD=true"), ""},
		{"77 for a lock that is waited for", by("MONGOGATE_FAIL_IF_HELD=true", "MONGOGATE_IF_HELD=wait"), "fail-if-held"},
		{"77 for a run that is waited for and done", by("MONGOGATE_FAIL_IF_HELD=true", "MONGOGATE_IF_HELD=wait", "MONGOGATE_BUCKET=1h"), ""},
		{"waiting is what a lock without buckets does", by("MONGOGATE_IF_HELD=wait"), ""},
		{"a Job by hand has the settings of the others", by("MONGOGATE_NO_OVERLAP=true", "MONGOGATE_ON_FAILURE=hold", "MONGOGATE_JOB_NAME=report-x7", "MONGOGATE_MANUAL=run"), ""},
		{"whose Job it is, without a Job", by("MONGOGATE_KUBE_OWNER=true"), "kube-owner"},
		{"whose Job it is, without buckets", by("MONGOGATE_KUBE_OWNER=true", "MONGOGATE_JOB_NAME=report-29921940", "MONGOGATE_BUCKET=none"), "kube-owner"},
		{"whose Job it is", by("MONGOGATE_KUBE_OWNER=true", "MONGOGATE_JOB_NAME=report-29921940"), ""},
		{"follow, no-overlap", by("MONGOGATE_FOLLOW=true", "MONGOGATE_NO_OVERLAP=true", "MONGOGATE_BUCKET=1h"), "no-overlap"},
		{"follow, on-failure", by("MONGOGATE_FOLLOW=true", "MONGOGATE_ON_FAILURE=hold"), "on-failure"},
		{"follow, if-held", by("MONGOGATE_FOLLOW=true", "MONGOGATE_IF_HELD=wait"), "if-held"},
		{"follow, fail-if-held", by("MONGOGATE_FOLLOW=true", "MONGOGATE_FAIL_IF_HELD=true"), "fail-if-held"},
	} {
		_, err := world{env: plain(c.env...)}.load(t, "run")
		var problems *Error
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.why, err)
		case c.field != "" && (!errors.As(err, &problems) || len(problems.Problems) != 1 || problems.Problems[0].Field != c.field || problems.Problems[0].Remedy == ""):
			t.Errorf("%s: %v, want one problem of %s with its remedy", c.why, err, c.field)
		}
	}
}

// Variables may be for many commands; a flag is for one, and has an effect or is refused.
func TestFlagsOfRunsWithoutEffect(t *testing.T) {
	for _, flag := range []string{"--retention=3d", "--starting-deadline=1h", "--timezone=UTC"} {
		_, err := flagsOf(flag).load(t, "run")
		var problems *Error
		if name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "="); !errors.As(err, &problems) || len(problems.Problems) != 1 || problems.Problems[0].Field != name {
			t.Errorf("%s: %v, want it to be refused", flag, err)
		}
		if _, err := flagsOf(flag, "--bucket=1h").load(t, "run"); err != nil {
			t.Errorf("%s with buckets: %v", flag, err)
		}
	}
	if _, err := (world{env: plain("MONGOGATE_RETENTION=3d", "MONGOGATE_TIMEZONE=UTC")}).load(t, "run"); err != nil {
		t.Errorf("as variables: %v", err)
	}
}

// A start that is far from any tick may be of another schedule or zone: it says so.
func TestLateStartsSaySo(t *testing.T) {
	for _, c := range []struct {
		why, bucket string
		now         string
		want        string // a part of the warning; empty: none
	}{
		{"at night, for the afternoon", "cron:4 15 * * *", "2026-11-22T04:04:00Z", "this start is 13h0m0s after the tick 2026-11-21T15:04Z that it counts for, the next one is 2026-11-22T15:04Z in 11h0m0s"},
		{"on time", "cron:4 15 * * *", "2026-11-22T15:04:01Z", ""},
		{"a minute early", "cron:4 15 * * *", "2026-11-22T15:03:01Z", ""},
		{"four minutes late", "cron:4 15 * * *", "2026-11-22T15:08:01Z", ""},
		{"six minutes late", "cron:4 15 * * *", "2026-11-22T15:10:01Z", "this start is 6m1s after"},
		{"half of a minute late", "cron:* * * * *", "2026-11-22T15:10:31Z", "this start is 31s after"},
		{"hours late of an interval", "1d", "2026-11-22T15:10:31Z", ""},
		{"around the border of an interval", "1d", "2026-11-22T23:59:30Z", "30s before the next bucket begins"},
		{"no buckets", "none", "2026-11-22T23:59:30Z", ""},
	} {
		s, err := world{env: plain("MONGOGATE_BUCKET=" + c.bucket)}.load(t, "run", func(o *Outside) {
			o.Now, _ = time.Parse(time.RFC3339, c.now)
		})
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if got := texts(s.Warnings); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: warnings %q, want %q", c.why, got, c.want)
		}
	}
}

func texts(problems []problem.Problem) string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return strings.Join(all, "; ")
}
