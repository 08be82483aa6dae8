package bucket

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
	"github.com/mongogate/mongogate/test/must"
)

func TestBucketsAroundTheClock(t *testing.T) {
	for _, c := range []struct {
		why, spec, zone, at, id, period string
	}{
		{"an hour", "1h", "UTC", "2026-11-22T03:59:59Z", "2026-11-22T03:00Z", "1h0m0s"},
		{"its first instant", "1h", "UTC", "2026-11-22T04:00:00Z", "2026-11-22T04:00Z", "1h0m0s"},
		{"a quarter", "15m", "UTC", "2026-11-22T03:44:59Z", "2026-11-22T03:30Z", "15m0s"},
		{"year's end", "1d", "UTC", "2026-12-31T23:59:59Z", "2026-12-31T00:00Z", "24h0m0s"},
		{"new year", "1d", "UTC", "2027-01-01T00:00:00Z", "2027-01-01T00:00Z", "24h0m0s"},
		{"new year is earlier in Kiritimati", "1d", "Pacific/Kiritimati", "2026-12-31T10:00:00Z", "2026-12-31T10:00Z", "24h0m0s"},
		{"leap day", "1d", "UTC", "2028-02-29T12:00:00Z", "2028-02-29T00:00Z", "24h0m0s"},
		{"no leap day", "1d", "UTC", "2100-03-01T00:00:00Z", "2100-03-01T00:00Z", "24h0m0s"},
		{"local midnight in winter", "1d", "Europe/Berlin", "2026-11-22T00:30:00Z", "2026-11-21T23:00Z", "24h0m0s"},
		{"local midnight in summer", "1d", "Europe/Berlin", "2026-07-01T00:30:00Z", "2026-06-30T22:00Z", "24h0m0s"},
		{"the short day", "1d", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00Z", "23h0m0s"},
		{"the long day", "1d", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00Z", "25h0m0s"},
		{"the hour that comes twice, first", "1h", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00Z", "1h0m0s"},
		{"the hour that comes twice, again", "1h", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00Z", "1h0m0s"},
		{"two hours are three", "2h", "Europe/Berlin", "2026-10-25T02:59:00Z", "2026-10-25T00:00Z", "3h0m0s"},
		{"two hours begin late after the gap", "2h", "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T01:00Z", "1h0m0s"},
		{"a zone of 30 minutes", "1h", "Asia/Kolkata", "2026-11-22T03:45:00Z", "2026-11-22T03:30Z", "1h0m0s"},
		{"a zone of 45 minutes", "1h", "Asia/Kathmandu", "2026-11-22T03:20:00Z", "2026-11-22T03:15Z", "1h0m0s"},
		{"a day in a zone of 45 minutes", "1d", "Asia/Kathmandu", "2026-11-22T18:15:00Z", "2026-11-22T18:15Z", "24h0m0s"},
		{"half an hour skipped", "30m", "Australia/Lord_Howe", "2026-10-03T15:40:00Z", "2026-10-03T15:30Z", "30m0s"},
		{"half an hour twice", "30m", "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T15:00Z", "30m0s"},
		{"an hour is one and a half", "1h", "Australia/Lord_Howe", "2026-04-04T15:29:00Z", "2026-04-04T14:00Z", "1h30m0s"},
		{"midnight left out", "1d", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00Z", "23h0m0s"},
		{"midnight twice is one day", "1d", "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00Z", "25h0m0s"},
		{"weeks begin on Thursday", "7d", "UTC", "2026-11-22T12:00:00Z", "2026-11-19T00:00Z", "168h0m0s"},

		{"the tick, a little late", "cron:0 3 * * *", "UTC", "2026-11-22T03:00:04Z", "2026-11-22T03:00Z", "24h0m0s"},
		{"the tick, a little early", "cron:0 3 * * *", "UTC", "2026-11-22T02:59:58Z", "2026-11-22T03:00Z", "24h0m0s"},
		{"early across new year", "cron:@yearly", "UTC", "2026-12-31T23:59:58Z", "2027-01-01T00:00Z", "8760h0m0s"},
		{"late by half a day", "cron:0 3 * * *", "UTC", "2026-11-22T15:00:01Z", "2026-11-22T03:00Z", "24h0m0s"},
		{"late by almost a day", "cron:0 3 * * *", "UTC", "2026-11-23T02:58:59Z", "2026-11-22T03:00Z", "24h0m0s"},
		{"a minute early", "cron:0 3 * * *", "UTC", "2026-11-23T02:59:00Z", "2026-11-23T03:00Z", "24h0m0s"},
		{"at night, for the afternoon", "cron:4 15 * * *", "UTC", "2026-11-22T04:04:00Z", "2026-11-21T15:04Z", "24h0m0s"},
		{"a tenth of a short period is not early", "cron:*/10 * * * *", "UTC", "2026-11-22T03:08:59Z", "2026-11-22T03:00Z", "10m0s"},
		{"less than a tenth is", "cron:*/10 * * * *", "UTC", "2026-11-22T03:09:01Z", "2026-11-22T03:10Z", "10m0s"},
		{"nine tenths of a minute late", "cron:* * * * *", "UTC", "2026-11-22T03:08:54Z", "2026-11-22T03:08Z", "1m0s"},
		{"five seconds early of a minute", "cron:* * * * *", "UTC", "2026-11-22T03:08:55Z", "2026-11-22T03:09Z", "1m0s"},
		{"the weekend of working hours", "cron:0 9-17 * * 1-5", "UTC", "2026-11-22T12:00:00Z", "2026-11-20T17:00Z", "64h0m0s"},
		{"quotes of a unit file", `cron:"0 3 * * *"`, "UTC", "2026-11-22T03:00:04Z", "2026-11-22T03:00Z", "24h0m0s"},
		{"the skipped hour moves to its end", "cron:30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:05Z", "2026-03-29T01:00Z", "23h30m0s"},
		{"so does another minute of it", "cron:5 2 * * *", "Europe/Berlin", "2026-03-29T01:00:05Z", "2026-03-29T01:00Z", "23h5m0s"},
		{"every hour has no tick in the gap", "cron:5 * * * *", "Europe/Berlin", "2026-03-29T01:00:05Z", "2026-03-29T00:05Z", "1h0m0s"},
		{"the repeated reading is one tick", "cron:30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:05Z", "2026-10-25T00:30Z", "25h0m0s"},
		{"an hour later still", "cron:30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:05Z", "2026-10-25T00:30Z", "25h0m0s"},
		{"a minute with * is two", "cron:*/30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:05Z", "2026-10-25T01:30Z", "23h30m0s"},
		{"a minute with * has no tick in the gap", "cron:*/30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:05Z", "2026-03-28T01:30Z", "46h30m0s"},
		{"29 February", "cron:0 0 29 2 *", "UTC", "2028-02-28T20:00:00Z", "2024-02-29T00:00Z", "35064h0m0s"},
		{"day of month or of week", "cron:0 0 13 * FRI", "UTC", "2026-11-20T00:00:01Z", "2026-11-20T00:00Z", "168h0m0s"},
		{"Thursday in capitals", "cron:0 0 * * THU", "UTC", "2026-11-19T00:00:01Z", "2026-11-19T00:00Z", "168h0m0s"},
		{"Sunday is 7 too", "cron:0 0 * * 7", "UTC", "2026-11-22T00:00:01Z", "2026-11-22T00:00Z", "168h0m0s"},
	} {
		spec, err := ParseSpec(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		zone := must.Get(time.LoadLocation(c.zone))(t)
		at := must.Get(time.Parse(time.RFC3339, c.at))(t)
		slot, ok := spec.Of(at, zone)
		if !ok || slot.ID != c.id || slot.Period.String() != c.period {
			t.Errorf("%s: %s in %s at %s is %s for %v (%v), want %s for %s", c.why, c.spec, c.zone, c.at, slot.ID, slot.Period, ok, c.id, c.period)
		}
		if back, ok := ParseID(slot.ID); !ok || !back.Equal(slot.Time) {
			t.Errorf("%s: id %s is read back as %v, %v", c.why, slot.ID, back, ok)
		}
	}
}

// The minute in a Job's name is no clock's: it is in the last bucket that had begun then, to the minute.
func TestScheduledMinutesHaveNoSkew(t *testing.T) {
	for _, parse := range []func(string) (Spec, error){ParseSpec, ParseCronJobSpec} {
		spec := must.Get(parse("cron:0 3 * * *"))(t)
		for at, want := range map[string]string{
			"2026-11-22T02:59:00Z": "2026-11-21T03:00Z", "2026-11-22T03:00:00Z": "2026-11-22T03:00Z", "2026-11-23T02:59:00Z": "2026-11-22T03:00Z",
		} {
			minute, _ := time.Parse(time.RFC3339, at)
			if slot, ok := spec.Scheduled(minute, time.UTC); !ok || slot.ID != want {
				t.Errorf("%s is in %s (%v), want %s", at, slot.ID, ok, want)
			}
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for spec, want := range map[string]string{
		"7h":                     "does not divide a day",
		"36h":                    "longer than a day but not whole days",
		"90s":                    "whole minutes",
		"0s":                     "whole minutes",
		"0d":                     "whole minutes",
		"-1h":                    "whole minutes",
		"400d":                   "longer than a year",
		"hourly":                 "neither a duration nor",
		"0 3 * * *":              "neither a duration nor",
		"cron:":                  "empty",
		"cron:0 3 * *":           "not a schedule",
		"cron:0 3 * * * *":       "not a schedule",
		"cron:61 3 * * *":        "not a schedule",
		"cron:0 0 30 2 *":        "never fires",
		"cron:@every 1h":         "counts from the start of each machine",
		"@every 1h":              "counts from the start of each machine",
		"cron:TZ=UTC 0 3 * * *":  "--timezone",
		"cron:@reboot":           "not a schedule",
		"cron:H 3 * * *":         "not a schedule",
		"cron:0 3 * * * " + long: "more than 256",
	} {
		_, err := ParseSpec(spec)
		var field problem.Problem
		if !errors.As(err, &field) {
			t.Errorf("%q: error %v, want a Problem", spec, err)
			continue
		}
		if field.Field != "bucket" || !strings.Contains(field.Message, want) || !strings.Contains(field.Remedy, "divides a day") {
			t.Errorf("%q: %v, want %q", spec, field, want)
		}
	}
}

var long = strings.Repeat("x", 300)

func TestJobNames(t *testing.T) {
	for name, want := range map[string]string{
		"reports-29738580":           "reports 2026-07-17T19:00Z",
		"a-b-29738580":               "a-b 2026-07-17T19:00Z",
		"reports":                    "is not CRONJOB-MINUTES",
		"-29738580":                  "is not CRONJOB-MINUTES",
		"reports-manual-x7k":         "eight digits",
		"reports-1606349":            "eight digits",
		"reports-1784300400":         "eight digits",
		"reports-2973858a":           "eight digits",
		"reports-+9738580":           "eight digits",
		"reports-20261122":           "a date?",
		"reports-02973858":           "a date?",
		"reports-manual-29738580-x9": "eight digits",
	} {
		cronJob, at, err := SplitJobName(name)
		got := cronJob + " " + at.Format(ID)
		if err != nil {
			var manual *ManualJob
			if !errors.As(err, &manual) || manual.Name != name || !strings.Contains(err.Error(), "--manual run") {
				t.Errorf("%s: %v, want a ManualJob with its remedy", name, err)
			}
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestStaleAndRetention(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	r := Result{Bucket: at.Format(ID), BucketTime: at}
	if r.Stale(at.Add(time.Hour), time.Hour) || !r.Stale(at.Add(time.Hour+1), time.Hour) {
		t.Error("a bucket is stale after its retention, and not before")
	}
	if (&Result{}).Stale(at, time.Hour) {
		t.Error("a key without bucket is stale")
	}
	if err := CheckRetention(3*time.Hour, 2*time.Hour, time.Hour); err != nil {
		t.Error(err)
	}
	err := CheckRetention(3*time.Hour-1, 2*time.Hour, time.Hour)
	var field problem.Problem
	if !errors.As(err, &field) || field.Field != "retention" || !strings.Contains(field.Message, "2h0m0s + period 1h0m0s = 3h0m0s") || field.Remedy != "give at least 3h0m0s" {
		t.Errorf("retention below its least: %v", err)
	}
	for _, period := range []time.Duration{0, time.Hour, 31 * day} {
		if err := CheckRetention(Retention(time.Hour, period), time.Hour, period); err != nil {
			t.Error(err)
		}
	}
}
