package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tzdata are the bytes of a zone, as /etc/localtime has them.
func tzdata(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/lib/zoneinfo"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return string(data)
		}
	}
	t.Skip("this machine has no zone database to copy /etc/localtime from")
	return ""
}

// Where nobody names a zone it is the one that cron counts in, or nothing is run:
// a schedule that is counted in another one loses runs in silence.
func TestZoneIsTheOneThatCronCountsIn(t *testing.T) {
	newYork, utc := tzdata(t, "America/New_York"), tzdata(t, "Etc/UTC")
	const rule = "MONGOGATE_BUCKET=cron:0 9-17 * * *"
	pod := "KUBERNETES_SERVICE_HOST=10.0.0.1"
	for _, c := range []struct {
		why   string
		env   []string
		local string // /etc/localtime
		link  string // where it leads
		want  string // bucket at 2026-11-22T15:00:04Z, or a part of the problem
	}{
		{"nothing says it", []string{rule}, "", "", "15:00Z UTC no /etc/localtime, so UTC"},
		{"the machine's, a link", []string{rule}, newYork, "../usr/share/zoneinfo/America/New_York", "15:00Z America/New_York /etc/localtime"},
		{"the machine's, a copy", []string{rule}, newYork, "", "15:00Z /etc/localtime /etc/localtime"},
		{"TZ, as in a container", []string{rule, "TZ=America/New_York"}, "", "", "15:00Z America/New_York variable TZ"},
		{"TZ with a colon", []string{rule, "TZ=:America/New_York"}, "", "", "15:00Z America/New_York variable TZ"},
		{"TZ as a path", []string{rule, "TZ=/z/zoneinfo/America/New_York"}, "", "", "15:00Z America/New_York variable TZ"},
		{"an empty TZ is UTC", []string{rule, "TZ="}, "", "", "15:00Z UTC variable TZ"},
		{"TZ and the machine agree", []string{rule, "TZ=US/Eastern"}, newYork, "", "15:00Z US/Eastern variable TZ"},
		{"CRON_TZ", []string{rule, "CRON_TZ=America/New_York"}, utc, "", "15:00Z America/New_York variable CRON_TZ"},
		{"CRON_TZ before TZ", []string{rule, "CRON_TZ=America/New_York", "TZ=Asia/Tokyo"}, utc, "", "15:00Z America/New_York variable CRON_TZ"},
		{"the setting before all", []string{rule, "CRON_TZ=Asia/Tokyo", "TZ=Asia/Tokyo", "MONGOGATE_TIMEZONE=America/New_York"}, utc, "", "15:00Z America/New_York variable MONGOGATE_TIMEZONE"},
		{"TZ in a crontab", []string{rule, "TZ=America/New_York"}, utc, "", "cron counts in the second even where a crontab sets the first"},
		{"an empty TZ in New York", []string{rule, "TZ="}, newYork, "", "TZ says UTC"},
		{"TZ of POSIX", []string{rule, "TZ=EST5EDT,M3.2.0,M11.1.0"}, "", "", "not a name of the IANA database"},
		{"TZ of nowhere", []string{rule, "TZ=Mars/Olympus"}, utc, "", "not a name of the IANA database"},
		{"CRON_TZ of nowhere", []string{rule, "CRON_TZ=Mars/Olympus"}, utc, "", "not a name of the IANA database"},
		{"a machine's zone that is none", []string{rule}, "TZif", "", "is not a time zone"},
		{"a machine's zone that may not be read", []string{rule}, "!", "", "cannot be read"},
		{"hours are the same in both", []string{"MONGOGATE_BUCKET=1h", "TZ=America/New_York"}, utc, "", "15:00Z America/New_York variable TZ"},
		{"days are not", []string{"MONGOGATE_BUCKET=1d", "TZ=America/New_York"}, utc, "", "cron counts in the second"},
		{"days of the machine", []string{"MONGOGATE_BUCKET=1d"}, newYork, "", "05:00Z /etc/localtime /etc/localtime"},
		{"half an hour is not a whole one", []string{"MONGOGATE_BUCKET=1h", "TZ=Asia/Kolkata"}, utc, "", "cron counts in the second"},
		{"no buckets, no zone", []string{"TZ=Mars/Olympus"}, utc, "", " UTC default"},
		{"a pod's schedule", []string{rule, pod, "TZ=America/New_York"}, newYork, "", "give --timezone, the timeZone of the CronJob"},
		{"a pod's day", []string{"MONGOGATE_BUCKET=1d", pod}, newYork, "", "give --timezone, the timeZone of the CronJob"},
		{"a pod's hour", []string{"MONGOGATE_BUCKET=1h", pod}, newYork, "", "15:00Z UTC default"},
		{"a Job's day", []string{"MONGOGATE_BUCKET=1d", "MONGOGATE_JOB_NAME=report-29922660"}, newYork, "", "give --timezone, the timeZone of the CronJob"},
		{"a pod that is told", []string{rule, pod, "MONGOGATE_TIMEZONE=America/New_York"}, utc, "", "15:00Z America/New_York variable MONGOGATE_TIMEZONE"},
	} {
		files := map[string]string{"/z/zoneinfo/America/New_York": newYork}
		if c.local != "" {
			files[localtime] = c.local
		}
		s, err := world{env: plain(c.env...), files: files}.load(t, "run", func(o *Outside) {
			o.Now = time.Date(2026, 11, 22, 15, 0, 4, 0, time.UTC)
			o.ReadLink = func(string) (string, error) {
				if c.link == "" {
					return "", fs.ErrInvalid
				}
				return c.link, nil
			}
		})
		got := ""
		var problems *Error
		switch {
		case errors.As(err, &problems):
			if len(problems.Problems) != 1 || problems.Problems[0].Field != "timezone" || !strings.Contains(problems.Problems[0].Remedy, "--timezone") {
				t.Errorf("%s: %v, want one problem of timezone with its remedy", c.why, err)
			}
			got = err.Error()
		case err != nil:
			t.Errorf("%s: %v", c.why, err)
		default:
			_, clock, _ := strings.Cut(s.Lock.Bucket, "T")
			got = clock + " " + s.Timezone.String() + " " + s.From("timezone")
			for _, v := range s.Sources() {
				if v.Name == "timezone" && v.Value != s.Timezone.String() {
					t.Errorf("%s: doctor would show %+v", c.why, v)
				}
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %q", c.why, got, c.want)
		}
	}
}

// cronie starts a job of a crontab with CRON_TZ by that zone's clock alone: twice in an hour that comes twice.
func TestCronTZKnowsNoRuleForChanges(t *testing.T) {
	utc, newYork := tzdata(t, "Etc/UTC"), tzdata(t, "America/New_York")
	for _, c := range []struct {
		why, local, want string
		env              []string
	}{
		{"by the machine's zone it is one run", newYork, "2026-11-01T05:30Z", nil},
		{"under CRON_TZ it is a second one", utc, "2026-11-01T06:30Z", []string{"CRON_TZ=America/New_York"}},
		{"also where it is named", utc, "2026-11-01T06:30Z", []string{"CRON_TZ=America/New_York", "MONGOGATE_TIMEZONE=America/New_York"}},
		{"not where CRON_TZ is the machine's", newYork, "2026-11-01T05:30Z", []string{"CRON_TZ=America/New_York"}},
	} {
		s, err := world{env: plain(append(c.env, "MONGOGATE_BUCKET=cron:30 1 * * *")...), files: map[string]string{localtime: c.local}}.load(t, "run", func(o *Outside) {
			o.Now = time.Date(2026, 11, 1, 6, 30, 4, 0, time.UTC) // 01:30 for the second time
		})
		if err != nil || s.Lock.Bucket != c.want {
			t.Errorf("%s: %v, %v, want %s", c.why, s, err, c.want)
		}
	}
}
