//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestJobsOfNoCronJob: a name that ends like a scheduled minute is believed only
// of a Job that a CronJob owns, where the API can be asked. A Job that a tool
// has made at night under such a name would otherwise take the day's run as done.
func TestJobsOfNoCronJob(t *testing.T) {
	minute := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	name := fmt.Sprintf("report-%d", minute.Unix()/60)
	day := minute.Format("2006-01-02") + "T00:00Z"
	const owner = `"ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": %q, "uid": "u", "controller": true}]`
	scheduled := `"annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": %q}`
	for _, c := range []struct {
		why  string
		job  string // its metadata
		env  []string
		deny bool
		code int
		want []string
	}{
		{"a CronJob's", `{"uid": "j", ` + fmt.Sprintf(owner, "report") + `}`, nil, false, 0, []string{"key=shop/report@" + day, "a CronJob owns this Job"}},
		{"a CronJob's, by its annotation", `{"uid": "j", ` + fmt.Sprintf(owner, "report") + `, ` + fmt.Sprintf(scheduled, minute.In(time.FixedZone("", 7200)).Format(time.RFC3339)) + `}`, nil, false, 0, []string{"key=shop/report@" + day}},
		{"nobody's", `{"uid": "j"}`, nil, false, 64, []string{"no CronJob owns it", "give --manual run"}},
		{"nobody's, skipped", `{"uid": "j"}`, []string{"MONGOGATE_MANUAL=skip"}, false, 0, []string{"skipped: the Job was made by hand"}},
		{"nobody's, run", `{"uid": "j"}`, []string{"MONGOGATE_MANUAL=run", "MONGOGATE_JOB=report"}, false, 0, []string{"key=shop/report\n"}},
		{"a workflow's", `{"uid": "j", "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "name": "report"}]}`, nil, false, 64, []string{"no CronJob owns it"}},
		{"another CronJob's", `{"uid": "j", ` + fmt.Sprintf(owner, "other") + `}`, nil, false, 64, []string{`its CronJob is "other"`}},
		{"for another minute", `{"uid": "j", ` + fmt.Sprintf(owner, "report") + `, ` + fmt.Sprintf(scheduled, "2026-01-01T03:00:00Z") + `}`, nil, false, 64, []string{"it was made for 2026-01-01T03:00:00Z"}},
		{"another Job of the name", `{"uid": "k", ` + fmt.Sprintf(owner, "report") + `}`, nil, false, 64, []string{"the Job of this name is another one"}},
		{"gone", "", nil, false, 64, []string{"there is no Job of this name"}},
		{"without the right", `{"uid": "j"}`, nil, true, 0, []string{"key=shop/report@" + day, "trusting the minute"}},
		{"nobody asks", `{"uid": "j"}`, []string{"MONGOGATE_KUBE_OWNER=false"}, false, 0, []string{"key=shop/report@" + day, "nothing proves"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, strings.Fields(c.why)[0])
			if c.job != "" {
				cluster.SetJob(name, c.job)
			}
			if c.deny {
				cluster.Deny("get jobs")
			}
			env := cluster.with(append([]string{"MONGOGATE_KEY={{.Namespace}}/{{.Job}}@{{.Bucket}}", "MONGOGATE_BUCKET=1d", "MONGOGATE_TIMEZONE=UTC", "MONGOGATE_KUBE_OWNER=true", "MONGOGATE_JOB_NAME=" + name, "MONGOGATE_JOB_UID=j"}, c.env...)...)
			g := startGate(t, env, false, "run", "--", "sh", "-c", `echo "key=$MONGOGATE_KEY"`)
			g.endsWith(t, c.code)
			for _, want := range c.want {
				if !strings.Contains(g.said(t), want) {
					t.Errorf("does not say %q", want)
				}
			}
			if ran := strings.Contains(g.said(t), "key="); ran != strings.Contains(c.want[0], "key=") {
				t.Errorf("the command ran: %v", ran)
			}
		})
	}
}
