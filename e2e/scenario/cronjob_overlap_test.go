//go:build linux

package scenario_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// short is a run of 3 s, for schedules that go on by themselves.
var short = []any{"/worker", "-for", "3s"}

// oneKey are values under which the witness takes all minutes for one workload,
// and fails the scenario when two of them run at once.
func oneKey(s *scenario.Scenario) kube.Values {
	return kube.Values{"env": []any{kube.Values{"name": witness.EnvKey, "value": s.Key}}}
}

// noOverlap: the next minute's run waits for this one, in the other cluster as well.
func TestCronJobNoOverlap(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m := inBoth(s, kube.Values{"gate": kube.Values{"noOverlap": true}}.With(oneKey(s)))
	next := minuteOf(s, m.at.Add(time.Minute))
	s.A.StartRun(scenario.Release, m.at)
	first := s.AwaitRunIn(s.A, podStart)

	// The job's key is held and never a reason to skip, whatever ifHeld says.
	pod := waits(s.B, next)
	finish(s, s.A, m)
	first = s.AwaitGone(first, s.Timing.TTL)
	second := s.AwaitRun(pod, s.TakenOver())
	s.Figure("cronjob-no-overlap-next-run-after", second.Start.Sub(first.Gone))
	// Both minutes are done, one in each cluster, and a latecomer skips.
	s.B.StartRun(scenario.Release, m.at)
	skips(s, s.B, m, doneBy("succeeded", ""))
	finish(s, s.B, next)
	ends(s, s.B, next, batchv1.JobComplete)
	ends(s, s.A, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	done(s, next, "succeeded")
	if runs := s.Runs(); len(runs) != 2 {
		t.Errorf("UNSAFE: %d runs instead of 2: %v", len(runs), runs)
	}
}

// Forbid keeps a cluster from overlapping itself, noOverlap both from each
// other: runs that take longer than the period follow one another, in real schedules.
func TestCronJobForbidAndNoOverlap(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", Background: true})
	values := kube.Values{
		"command": []any{"/worker", "-for", "65s"},
		"cronJob": kube.Values{"suspend": false, "concurrencyPolicy": "Forbid"},
		"gate":    kube.Values{"noOverlap": true},
	}
	m := inBoth(s, values.With(oneKey(s)))
	within := 2*time.Minute + podStart
	last := witness.Run{Start: m.at}
	order := ""
	for n := range 3 {
		next := s.Await(s.Key, within, func(r witness.Run) bool { return r.Start.After(last.Start) })
		order += next.Cluster
		if n > 0 { // the witness judges the overlap; here it is the other way round: it did not wait for long
			last = s.AwaitGone(last, within)
			s.Figure(fmt.Sprintf("cronjob-forbid-run-%d-after", n+1), next.Start.Sub(last.Gone))
			if free := later(last.Gone, containerStarted(s, next)); next.Start.Sub(free) > s.Timing.TTL {
				t.Errorf("a run waited for %v after the lock was free and its gate was there: %v", next.Start.Sub(free), next)
			}
		}
		last = next
	}
	for _, cluster := range []*kube.Space{s.A, s.B} {
		cluster.Suspend(scenario.Release, true)
		// Whose turn it is after a run is open; that it had one, or waited for the other's, is not.
		if !strings.Contains(order, cluster.Name) && !waited(s, cluster) {
			t.Errorf("cluster %s took no part: the runs were in %q", cluster.Name, order)
		}
	}
	s.Figure("cronjob-forbid-runs-in", order)
	s.AwaitGone(last, within)
}

// waited says that a pod of a cluster has waited for the lock.
func waited(s *scenario.Scenario, cluster *kube.Space) bool {
	s.Helper()
	return slices.ContainsFunc(cluster.Pods(""), func(pod *kube.Pod) bool {
		log, err := pod.Logs("main", false)
		return err == nil && strings.Contains(log, "waiting for the lock")
	})
}

// containerStarted is when the main container of a run's pod was started, to the second after.
func containerStarted(s *scenario.Scenario, run witness.Run) time.Time {
	s.Helper()
	for _, cluster := range []*kube.Space{s.A, s.B} {
		for _, pod := range cluster.Pods("") {
			if string(pod.UID) == run.Pod {
				pod.Wait("is known to run", slow, func(p *corev1.Pod) bool { return kube.Container(p, "main").State.Running != nil })
				return kube.Container(pod.Pod, "main").State.Running.StartedAt.Add(time.Second)
			}
		}
	}
	s.Fatalf("there is no pod of %v", run)
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// A CronJob that was suspended for longer than the period makes up for the last
// minute only, which the other cluster has done: it stays done. A controller that
// was away itself is TestAloneCronJobsInTwoClusters.
func TestCronJobBackAfterPause(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", Background: true})
	// Two ticks and then none: however late the cluster comes back, it is the second that it has missed.
	now := time.Now().UTC().Add(20 * time.Second) // for the installation
	first, second := minuteOf(s, now.Add(time.Minute)), minuteOf(s, now.Add(2*time.Minute))
	ticks := fmt.Sprintf("%d,%d %d,%d * * *", first.at.Minute(), second.at.Minute(), first.at.Hour(), second.at.Hour())
	inBoth(s, kube.Values{"command": short, "cronJob": kube.Values{"schedule": ticks}})
	s.A.Suspend(scenario.Release, false)
	s.AwaitLock(first.lock, "done", 2*time.Minute+podStart, isDone)
	before := s.AwaitLock(second.lock, "done", time.Minute+podStart, isDone)

	s.B.Suspend(scenario.Release, false)
	skips(s, s.B, second, doneBy("succeeded", before.Done.By))
	if jobs := s.B.Jobs(); len(jobs) != 1 {
		t.Errorf("cluster %s has made up for %d minutes, not one", s.B.Name, len(jobs))
	}
	wantRan(s, first, s.A)
	wantRan(s, second, s.A)
	if after := s.Lock(second.lock); after.Token != before.Token || !after.Done.At.Equal(before.Done.At) {
		t.Errorf("the record was written again: %+v, before: %+v", after, before)
	}
}
