package bucket

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
	"github.com/mongogate/mongogate/test/must"
)

// Whatever the template, the key is valid or refused with a field and a remedy.
func FuzzKeyTemplate(f *testing.F) {
	for _, s := range []string{"reports-{{.Bucket}}", "{{.Namespace}}/{{.Job}}#{{.Index}}", "{{", "{{/* */}}x", "{{- .Job -}} x", "{{.Bucket}}", "\x00", "{{break}}", "{{template \"key\"}}"} {
		f.Add(s, "1h", "a")
	}
	f.Add("x", "cron:0 3 * * *", "reports-29921940")
	f.Fuzz(func(t *testing.T, key, spec, name string) {
		r, err := keyOf(key, spec, Input{Namespace: name, Job: name, Name: name, Cluster: name, JobName: name, Index: name, Now: start})
		var field problem.Problem
		var manual *ManualJob
		switch {
		case errors.As(err, &field):
			if field.Field == "" || field.Message == "" || field.Remedy == "" {
				t.Fatalf("%q: incomplete error %#v", key, field)
			}
		case errors.As(err, &manual):
		case err != nil:
			t.Fatalf("%q: %v is no error of this package", key, err)
		default:
			if Validate(r.Key) != nil || Validate(r.BaseKey) != nil {
				t.Fatalf("%q: invalid key %q, base %q", key, r.Key, r.BaseKey)
			}
			if (r.Bucket == "") != (r.Key == r.BaseKey) || r.Key != r.Prefix+r.Bucket && r.Bucket != "" {
				t.Fatalf("%q: key %q, base %q, prefix %q, bucket %q", key, r.Key, r.BaseKey, r.Prefix, r.Bucket)
			}
		}
	})
}

var zones = []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Africa/Casablanca"}

// Whatever the rule, zone and instant: a bucket holds the instant or, of a
// schedule, begins within the skew of clocks after it; a begin is in its own
// bucket, and ids read back. Both dialects of schedules take any text.
func FuzzBuckets(f *testing.F) {
	for i, s := range []string{"1h", "1d", "7d", "45m", "cron:30 2 * * *", "cron:*/7 1-3 * * 1-5", "cron:0 0 29 2 *", "cron:@weekly", "cron:0 0 31 * THU"} {
		f.Add(s, int64(1774742400+i*1000), uint8(i))
		f.Add(s, int64(1774742400+i*1000), uint8(i+128))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, zone uint8) {
		parse := ParseSpec
		if zone >= 128 {
			parse = ParseCronJobSpec
		}
		spec, err := parse(text)
		if err != nil {
			var field problem.Problem
			if !errors.As(err, &field) || field.Field != "bucket" || field.Remedy == "" {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		loc := must.Get(time.LoadLocation(zones[int(zone)%len(zones)]))(t)
		at := time.Unix(946684800+int64(uint64(unix)%(150*365*86400)), 0) // 2000 to 2150
		slot, ok := spec.Of(at, loc)
		if !ok {
			if spec.kind == every {
				t.Fatalf("%q has no bucket at %v", text, at)
			}
			return
		}
		if slot.Period <= 0 && (zone < 128 || slot.Period != 0) { // the library looks no further than five years
			t.Fatalf("%q at %v: period %v", text, at, slot.Period)
		}
		if back, ok := ParseID(slot.ID); !ok || !back.Equal(slot.Time) || strings.ContainsAny(slot.ID, "@#/") {
			t.Fatalf("id %q", slot.ID)
		}
		if begin, _ := spec.Of(slot.Time, loc); begin.ID != slot.ID {
			t.Fatalf("%q: the begin of %s is in %s", text, slot.ID, begin.ID)
		}
		late := at.Sub(slot.Time)
		if spec.kind == every && (late < 0 || late >= slot.Period) {
			t.Fatalf("%q: %v is not in the bucket %s for %v", text, at, slot.ID, slot.Period)
		}
		if spec.kind == cronTick && (late < -ClockSkew || slot.Period != 0 && late >= slot.Period) {
			t.Fatalf("%q: %v is not in the bucket %s for %v", text, at, slot.ID, slot.Period)
		}
		if scheduled, ok := spec.Scheduled(at, loc); ok && scheduled.Time.After(at) {
			t.Fatalf("%q: the minute %v is in the bucket %s of the future", text, at, scheduled.ID)
		}
	})
}
