//go:build linux

package scenario_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// EnvScheduledRuns is how many consecutive runs TestAloneCronJobsInTwoClusters
// looks at, at least; five make a round.
const EnvScheduledRuns = "E2E_SCHEDULED_RUNS"

// The same CronJob in two clusters, by their own schedules: each minute's run
// happens once.
func TestCronJobsInTwoClusters(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 30 * time.Second, Background: true})
	c := schedule(s)
	for range 4 {
		c.nextRun()
	}
	c.account() // waits for one more
}

// The same with each cluster stopped for a while, everything killed, and one
// cluster's controllers held for more than two minutes and catching up.
func TestAloneCronJobsInTwoClusters(t *testing.T) {
	wanted, err := strconv.Atoi(os.Getenv(EnvScheduledRuns))
	if err != nil {
		wanted = 20
	}
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 30 * time.Second, Control: true})
	c := schedule(s)
	x, y := s.A, s.B
	for round := 0; round < wanted; round += 5 {
		c.nextRun() // both are up
		for _, cluster := range []*kube.Space{x, y} {
			start := s.StopCluster(cluster)
			missed := c.nextRun() // by the other one
			start()
			c.makesUpFor(cluster, missed, time.Now())
			c.stops++
		}
		held := time.Now()
		release := s.Hold(x, lab.ControllerManager)
		c.nextRun()
		missed := c.nextRun()
		c.sleepUntil(held.Add(2*time.Minute + time.Second))
		for time.Now().Second() >= 40 { // so that the next tick does not come before the controller
			missed = c.nextRun()
		}
		back := time.Now()
		release()
		c.makesUpFor(x, missed, back)
		c.holds++
		x, y = y, x
	}
	c.account()
}

// calendar is a CronJob of every minute that goes on in both clusters.
type calendar struct {
	*scenario.Scenario

	first        scheduled
	stops, holds int
}

// schedule installs it. The first minute is the one after it was made in the
// first cluster; the other may begin with a later one.
func schedule(s *scenario.Scenario) *calendar {
	s.Helper()
	inBoth(s, kube.Values{"command": short, "cronJob": kube.Values{"suspend": false}})
	var made batchv1.CronJob
	must.Do(s.T, s.A.Get(s.Context(), client.ObjectKey{Namespace: s.Name, Name: scenario.Release}, &made))
	return &calendar{Scenario: s, first: minuteOf(s, made.CreationTimestamp.Add(time.Minute))}
}

// sleepUntil waits for the clock, which is what schedules wait for.
func (c *calendar) sleepUntil(at time.Time) {
	c.Helper()
	select {
	case <-time.After(time.Until(at)):
	case <-c.Context().Done():
		c.Fatal(c.Context().Err())
	}
}

// nextRun waits until the run of the next minute to come is done, in whichever cluster.
func (c *calendar) nextRun() scheduled {
	c.Helper()
	next := minuteOf(c.Scenario, time.Now().Add(time.Minute))
	c.AwaitLock(next.lock, "done", time.Minute+podStart+c.TakenOver(), isDone)
	return next
}

// makesUpFor waits until a cluster that was away has a Job of a minute which it
// has missed, and has ended it. Its controller makes that of the last one. A Job
// of a minute after it was back would be the next tick's, and show nothing.
func (c *calendar) makesUpFor(cluster *kube.Space, missed scheduled, back time.Time) {
	c.Helper()
	cluster.WaitJobs("makes up for "+missed.job, podStart+time.Minute, func(jobs []batchv1.Job) bool {
		return slices.ContainsFunc(jobs, func(j batchv1.Job) bool {
			at := minuteOfJob(c.Scenario, j.Name).at
			return !at.Before(missed.at) && !at.After(back) && kube.Outcome(j) != ""
		})
	})
	c.Figure("cronjob-back-to-made-up", time.Since(back))
}

// account ends the schedules and counts: every minute since the first has a
// record and one run, and every Job of both clusters has ended as a success, as
// the winner of its minute or with a log that says that it has skipped.
func (c *calendar) account() {
	c.Helper()
	last := c.nextRun()
	for time.Now().Second() >= 40 { // so that the next tick does not come between the two
		last = c.nextRun()
	}
	for _, cluster := range []*kube.Space{c.A, c.B} {
		cluster.Suspend(scenario.Release, true)
	}
	jobs := map[*kube.Space][]batchv1.Job{}
	for _, cluster := range []*kube.Space{c.A, c.B} {
		cluster.WaitJobs("all have ended", podStart+c.TakenOver(), func(all []batchv1.Job) bool {
			jobs[cluster] = all
			return !slices.ContainsFunc(all, func(j batchv1.Job) bool { return kube.Outcome(j) == "" })
		})
		for _, j := range jobs[cluster] { // the last may have been made just before the end
			if m := minuteOfJob(c.Scenario, j.Name); m.at.After(last.at) {
				last = m
			}
		}
	}

	minutes, executions, doubles, lost, skipped := 0, 0, 0, 0, 0
	for at := c.first.at; !at.After(last.at); at = at.Add(time.Minute) {
		m := minuteOf(c.Scenario, at)
		minutes++
		record, runs := c.Lock(m.lock), ran(c.Scenario, m)
		if !isDone(record) || runs == "" {
			lost++
			c.Errorf("UNSAFE: the run of %s is lost: started in %q, record %+v", m.job, runs, record)
			continue
		}
		times := len(c.Witness.Runs(m.key))
		executions += times
		if times > 1 {
			doubles++
			c.Errorf("UNSAFE: the run of %s was started %d times: in %q", m.job, times, runs)
		}
		skipped += c.accountMinute(m, record.Done.JobUID, jobs)
	}
	if keys := c.Witness.Keys(c.Key); len(keys) != minutes {
		c.Errorf("UNSAFE: %d minutes were run, of %d: %v", len(keys), minutes, keys)
	}
	c.Figure("cronjob-scheduled-runs", minutes)
	c.Figure("cronjob-executions", executions)
	c.Figure("cronjob-doubles", doubles)
	c.Figure("cronjob-lost", lost)
	c.Figure("cronjob-skipped-jobs", skipped)
	c.Figure("cronjob-cluster-stops", c.stops)
	c.Figure("cronjob-controller-holds", c.holds)
}

// accountMinute looks at a minute's Jobs, and returns how many have skipped it.
func (c *calendar) accountMinute(m scheduled, winner string, jobs map[*kube.Space][]batchv1.Job) (skipped int) {
	c.Helper()
	won := 0
	for cluster, all := range jobs {
		for _, j := range all {
			if j.Name != m.job {
				continue
			}
			if outcome := kube.Outcome(j); outcome != batchv1.JobComplete {
				c.Errorf("%s: job %s ended as %s", cluster, j.Name, outcome)
			}
			switch {
			case string(j.UID) == winner:
				won++
			case saysSkipped(c.Scenario, cluster, m, m.lock):
				skipped++
			default:
				c.Errorf("%s: job %s neither did the run nor says that it was skipped", cluster, j.Name)
			}
		}
	}
	if won != 1 {
		c.Errorf("the record of %s is by job %s, of which there are %d", m.job, winner, won)
	}
	return skipped
}

func minuteOfJob(s *scenario.Scenario, job string) scheduled {
	minutes, err := strconv.ParseInt(job[strings.LastIndexByte(job, '-')+1:], 10, 64)
	if err != nil {
		s.Fatalf("job %s has no minute in its name: %v", job, err)
	}
	return minuteOf(s, time.Unix(minutes*60, 0))
}
