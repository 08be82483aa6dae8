package bucket

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
)

var start = time.Date(2026, 11, 22, 3, 0, 4, 0, time.UTC)

// job is the name that the controller gives to the Job of a minute.
const job = "reports-29921940" // 2026-11-22T03:00Z

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		why, key, spec string
		in             Input
		want           string // key | base key | prefix | job
	}{
		{"a deployment", "", "", Input{Namespace: "shop", Name: "worker"}, "shop/worker|shop/worker||worker"},
		{
			"a CronJob's pod", "", "",
			Input{Namespace: "shop", Name: "ignored", JobName: job},
			"shop/reports@2026-11-22T03:00Z|shop/reports|shop/reports@|reports",
		},
		{
			"its clock does not matter", "", "",
			Input{Namespace: "shop", JobName: job, Now: start.Add(49 * time.Hour)},
			"shop/reports@2026-11-22T03:00Z|shop/reports|shop/reports@|reports",
		},
		{
			"an indexed Job", "", "",
			Input{Namespace: "shop", JobName: job, Index: "3"},
			"shop/reports#3@2026-11-22T03:00Z|shop/reports#3|shop/reports#3@|reports",
		},
		{
			"by day of the scheduled minute", "", "1d",
			Input{Namespace: "shop", JobName: job, Now: start.Add(49 * time.Hour)},
			"shop/reports@2026-11-22T00:00Z|shop/reports|shop/reports@|reports",
		},
		{
			"another name for the job", "", "",
			Input{Namespace: "shop", JobName: job, Job: "monthly"},
			"shop/monthly@2026-11-22T03:00Z|shop/monthly|shop/monthly@|monthly",
		},
		{
			"a CronJob without buckets", "", "none",
			Input{Namespace: "shop", JobName: job},
			"shop/reports|shop/reports||reports",
		},
		{
			"made by hand, run", "", "",
			Input{Namespace: "shop", JobName: "reports-test", Manual: RunManual},
			"shop/reports-test|shop/reports-test||reports-test",
		},
		{
			"made by hand under the job's name", "", "",
			Input{Namespace: "shop", JobName: "reports-test", Job: "reports", Manual: RunManual},
			"shop/reports|shop/reports||reports",
		},
		{
			"made by hand, with a template", "nightly-{{.Bucket}}", "",
			Input{JobName: "reports-test", Manual: RunManual},
			"nightly|nightly||reports-test",
		},
		{
			"a plain machine", "", "1h",
			Input{Namespace: "shop", Job: "reports"},
			"shop/reports@2026-11-22T03:00Z|shop/reports|shop/reports@|reports",
		},
		{
			"a plain machine's name", "", "1h",
			Input{Namespace: "shop", Name: "reports"},
			"shop/reports@2026-11-22T03:00Z|shop/reports|shop/reports@|reports",
		},
		{
			"a template", "reports-{{.Bucket}}", `cron:"0 3 * * *"`,
			Input{},
			"reports-2026-11-22T03:00Z|reports|reports-|",
		},
		{
			"a template with everything", "{{.Cluster}}/{{.Namespace}}/{{.Job}}/{{.Name}}#{{.Index}}@{{.Bucket}}", "",
			Input{Namespace: "shop", Name: "n", Cluster: "c", JobName: job, Index: "0"},
			"c/shop/reports/n#0@2026-11-22T03:00Z|c/shop/reports/n#0|c/shop/reports/n#0@|reports",
		},
		{"a fixed key", "reports", "none", Input{}, "reports|reports||"},
		{"a fixed key with a bucket", "reports", "1h", Input{}, "reports@2026-11-22T03:00Z|reports|reports@|"},
		{"a fixed key of Python's", "mail to me@example.org", "", Input{}, "mail to me@example.org|mail to me@example.org||"},
		{"not only letters", "Übersicht/報告", "", Input{}, "Übersicht/報告|Übersicht/報告||"},
	} {
		r, err := keyOf(c.key, c.spec, c.in)
		if got := strings.Join([]string{r.Key, r.BaseKey, r.Prefix, r.Job}, "|"); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.why, got, err, c.want)
		}
		if r.Manual != (c.in.Manual == RunManual) {
			t.Errorf("%s: Manual is %v", c.why, r.Manual)
		}
	}
}

func TestBadKeys(t *testing.T) {
	for _, c := range []struct {
		why, key, spec       string
		in                   Input
		field, want, hasToDo string
	}{
		{"no name", "", "", Input{Namespace: "shop"}, "name", "the default key needs it", "--name"},
		{"no namespace", "", "", Input{Name: "worker"}, "namespace", "the default key needs it", "--key"},
		{"no job", "", "1h", Input{Namespace: "shop"}, "job", "the default key needs it", "--job"},
		{"a slash in a name", "", "", Input{Namespace: "shop", Name: "a/b"}, "name", `contains '/'`, "--key"},
		{"an at sign in a job", "", "1h", Input{Namespace: "shop", Job: "a@b"}, "job", `contains '@'`, "--key"},
		{"a hash in a namespace", "", "", Input{Namespace: "s#1", Name: "w"}, "namespace", `contains '#'`, "--key"},
		{"a field that is empty", "x-{{.Cluster}}", "", Input{}, "cluster", "the key names {{.Cluster}}", "--cluster"},
		{"an index that is not there", "x-{{.Index}}", "", Input{}, "completion-index", "the key names {{.Index}}", "--completion-index"},
		{"an unknown field", "x-{{.Pod}}", "", Input{}, "key", "no field .Pod", ".Namespace, .Job"},
		{"a lower-case field", "x-{{.bucket}}", "", Input{}, "key", "no field .bucket", ".Bucket"},
		{"a function", `x-{{printf "%s" .Job}}`, "", Input{}, "key", "only {{.Field}}", ".Namespace"},
		{"a pipe", `x-{{.Job | html}}`, "", Input{}, "key", "only {{.Field}}", ".Namespace"},
		{"a condition", `x-{{if .Job}}y{{end}}`, "", Input{}, "key", "only {{.Field}}", ".Namespace"},
		{"a variable", `x-{{$a := .Job}}`, "", Input{}, "key", "only {{.Field}}", ".Namespace"},
		{"a deep field", `x-{{.Job.Name}}`, "", Input{}, "key", "only {{.Field}}", ".Namespace"},
		{"a definition", `x-{{define "a"}}{{end}}`, "", Input{}, "key", "no templates of its own", "reports-{{.Bucket}}"},
		{"an open brace", `x-{{.Job`, "", Input{}, "key", "not a template: unclosed action", "reports-{{.Bucket}}"},
		{"the bucket first", "{{.Bucket}}-x", "1h", Input{}, "key", "has to come last", "reports-{{.Bucket}}"},
		{"the bucket alone", "{{.Bucket}}", "1h", Input{}, "key", "has to come last", "reports-{{.Bucket}}"},
		{"the bucket twice", "x{{.Bucket}}{{.Bucket}}", "1h", Input{}, "key", "has to come last", "reports-{{.Bucket}}"},
		{"nothing but a dash", "-{{.Bucket}}", "1h", Input{}, "key", "job name is missing", "reports-{{.Bucket}}"},
		{"no bucket to name", "x-{{.Bucket}}", "none", Input{}, "bucket", "there are no buckets", "cron:"},
		{"no bucket outside a Job", "x-{{.Bucket}}", "", Input{}, "bucket", "there are no buckets", "cron:"},
		{"like a bucket", "x@2026-11-22T03:00Z", "none", Input{}, "key", "looks like a key with a bucket", "--bucket"},
		{"ours", ".mongogate-fingerprint", "", Input{}, "key", "Mongogate's own", "something else"},
		{"a leading blank", " x", "", Input{}, "key", "begins or ends with a blank", "blanks"},
		{"a trailing blank", "x ", "", Input{}, "key", "begins or ends with a blank", "blanks"},
		{"a line break", "x\ny", "", Input{}, "key", "U+000A", "take the character out"},
		{"a reversed word", "x\u202ey", "", Input{}, "key", "U+202E", "take the character out"},
		{"not UTF-8", "x\xffy", "", Input{}, "key", "not UTF-8", "UTF-8"},
		{"too long", strings.Repeat("x", 1025), "", Input{}, "key", "1025 bytes", "shorten"},
		{"too long with its bucket", strings.Repeat("x", 990), "1h", Input{}, "key", "1008 bytes", "shorten"},
		{"a clock that was never set", "x", "1h", Input{Now: time.Unix(99, 0)}, "bucket", "the year 1970", "set the clock"},
	} {
		_, err := keyOf(c.key, c.spec, c.in)
		var field problem.Problem
		if !errors.As(err, &field) {
			t.Errorf("%s: error %v, want a Problem", c.why, err)
			continue
		}
		if field.Field != c.field || !strings.Contains(field.Message, c.want) || !strings.Contains(field.Remedy, c.hasToDo) {
			t.Errorf("%s: %v; want field %s, %q, remedy %q", c.why, field, c.field, c.want, c.hasToDo)
		}
	}
}

// keyOf is the key at start, where the input has no other time.
func keyOf(key, spec string, in Input) (Result, error) {
	if in.Now.IsZero() {
		in.Now = start
	}
	var err error
	if in.Spec, err = ParseSpec(spec); err != nil {
		return Result{}, err
	}
	if key != "" {
		if in.Template, err = ParseTemplate(key); err != nil {
			return Result{}, err
		}
	}
	return Key(in)
}

func TestJobsMadeByHandAreRefused(t *testing.T) {
	for _, name := range []string{"reports-test", "reports-20261122", "reports-29999999"} {
		for _, policy := range []Manual{"", RefuseManual, SkipManual} {
			_, err := keyOf("", "", Input{Namespace: "shop", JobName: name, Manual: policy})
			var manual *ManualJob
			if !errors.As(err, &manual) || manual.Name != name {
				t.Errorf("%s, %q: error %v, want a ManualJob", name, policy, err)
			}
		}
	}
	// A rule of the user's needs the scheduled minute as well: the pod's clock stands in for nothing.
	if r, err := keyOf("", "1h", Input{Namespace: "shop", JobName: "reports-test"}); err == nil {
		t.Errorf("a Job made by hand got the bucket %s from the clock", r.Bucket)
	}
}

// Every missing name is told at once.
func TestAllMissingNamesAtOnce(t *testing.T) {
	_, err := keyOf("{{.Namespace}}/{{.Job}}/{{.Cluster}}", "", Input{Now: start})
	for _, field := range []string{"namespace", "job", "cluster"} {
		if err == nil || !strings.Contains(err.Error(), field+": not set") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}
