//go:build linux

package scenario_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// podStart is how long a pod may take from its Job's creation to its command, on a busy machine.
const podStart = 2 * time.Minute

// scheduled is one scheduled minute of the CronJob, the same in both clusters.
type scheduled struct {
	at  time.Time
	job string // the name that the controllers give its Job
	key string // what the witness knows it by
	// lock is its bucket's key.
	lock string
}

func minuteOf(s *scenario.Scenario, at time.Time) scheduled {
	at = at.UTC().Truncate(time.Minute)
	job := kube.Scheduled(scenario.Release, at)
	return scheduled{at: at, job: job, key: s.Key + "/" + job, lock: s.Key + "@" + at.Format("2006-01-02T15:04Z")}
}

// everyMinute are values of a CronJob that ticks every minute. It is suspended:
// most scenarios make the Jobs of a minute themselves. Its runs go on until
// finish ends them. The witness tells its minutes apart.
func everyMinute(s *scenario.Scenario) kube.Values {
	return kube.Values{
		"kind":    "CronJob",
		"command": []any{"/worker"},
		"env": []any{
			kube.Values{"name": "JOB", "valueFrom": kube.Values{"fieldRef": kube.Values{"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}},
			kube.Values{"name": witness.EnvKey, "value": s.Key + "/$(JOB)"},
		},
		"cronJob": kube.Values{
			"schedule": "* * * * *", "suspend": true, "concurrencyPolicy": "Allow",
			"successfulJobsHistoryLimit": 1000, "failedJobsHistoryLimit": 1000, // all are looked at in the end
		},
	}
}

// inBoth installs the CronJob in both clusters, and returns the minute that now is.
func inBoth(s *scenario.Scenario, more kube.Values) scheduled {
	s.Helper()
	for _, cluster := range []*kube.Space{s.A, s.B} {
		cluster.Install(scenario.Release, everyMinute(s).With(more))
	}
	return minuteOf(s, time.Now())
}

func podsOf(job string) string { return batchv1.JobNameLabel + "=" + job }

// waits starts a minute's Job in a cluster, and returns its pod once that waits for the lock.
func waits(cluster *kube.Space, m scheduled) *kube.Pod {
	cluster.StartRun(scenario.Release, m.at)
	pod := cluster.Pod(podsOf(m.job))
	pod.WaitLog("main", "waiting for the lock", podStart)
	return pod
}

// runs waits until a cluster's Job of a minute runs its command.
func runs(s *scenario.Scenario, cluster *kube.Space, m scheduled) (*kube.Pod, witness.Run) {
	s.Helper()
	pod := cluster.Pod(podsOf(m.job))
	return pod, s.Await(m.key, podStart, func(r witness.Run) bool { return r.Pod == string(pod.UID) })
}

// finish ends the run of a minute as a success: a worker that is asked to end, by nobody whom the gate knows, ends with 0.
func finish(s *scenario.Scenario, cluster *kube.Space, m scheduled) {
	s.Helper()
	for _, pod := range cluster.Pods(podsOf(m.job)) {
		if len(pod.Processes(kube.Main)) > 0 {
			pod.Signal(kube.Main, syscall.SIGTERM)
			return
		}
	}
	s.Fatalf("%s: no pod of job %s runs", cluster, m.job)
}

// ends waits until a cluster's Job of a minute has ended as it is to.
func ends(s *scenario.Scenario, cluster *kube.Space, m scheduled, want batchv1.JobConditionType) {
	s.Helper()
	if got := cluster.WaitJob(m.job, podStart+s.TakenOver()); got != want {
		s.Fatalf("%s: job %s ended as %s, not %s", cluster, m.job, got, want)
	}
}

// skips waits until a cluster's Job of a minute has ended as a success whose
// last pod says that it has skipped the run, and why.
func skips(s *scenario.Scenario, cluster *kube.Space, m scheduled, why string) {
	s.Helper()
	ends(s, cluster, m, batchv1.JobComplete)
	if !saysSkipped(s, cluster, m, why) {
		s.Errorf("%s: no pod of job %s says that it has skipped the run: %s", cluster, m.job, why)
	}
}

// doneBy is what the line about a skipped run says of who has done it; empty for anybody.
func doneBy(outcome, who string) string {
	text := fmt.Sprintf(`"outcome":%q,"by":"`, outcome)
	if who != "" {
		text += who + `"`
	}
	return text
}

func saysSkipped(s *scenario.Scenario, cluster *kube.Space, m scheduled, why string) bool {
	s.Helper()
	for _, pod := range cluster.Pods(podsOf(m.job)) {
		log, err := pod.Logs("main", false)
		if err != nil {
			s.Logf("%s: %v", cluster, err)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, "skipped: ") && strings.Contains(line, why) {
				return true
			}
		}
	}
	return false
}

// done waits until a minute's record says how its run has ended.
func done(s *scenario.Scenario, m scheduled, outcome string) mongolock.Info {
	s.Helper()
	return s.AwaitLock(m.lock, "done, "+outcome, podStart+s.TakenOver(), func(i mongolock.Info) bool {
		return i.State == "done" && i.Done != nil && i.Done.Outcome == outcome
	})
}

// ran says in which clusters a minute's command was started, in order: every start counts.
func ran(s *scenario.Scenario, m scheduled) (clusters string) {
	for _, r := range s.Witness.Runs(m.key) {
		clusters += r.Cluster
	}
	return clusters
}

// wantRan compares every start of a minute's command with what it is to be.
func wantRan(s *scenario.Scenario, m scheduled, want ...*kube.Space) {
	s.Helper()
	var clusters string
	for _, c := range want {
		clusters += c.Name
	}
	if got := ran(s, m); got != clusters {
		s.Errorf("UNSAFE: the run of %s was started in clusters %q, not %q", m.job, got, clusters)
	}
}

// A cluster that is late, its Job made after the other's has ended, finds the
// record of the run: its Job ends as a success that says so. So do Events, on the
// Job too, for its pod may be gone when somebody looks.
func TestCronJobLateClusterSkips(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m := inBoth(s, kube.Values{"gate": events})
	s.A.StartRun(scenario.Release, m.at)
	runs(s, s.A, m)
	finish(s, s.A, m)
	ends(s, s.A, m, batchv1.JobComplete)
	record := done(s, m, "succeeded")

	s.B.StartRun(scenario.Release, m.at)
	skips(s, s.B, m, doneBy("succeeded", record.Done.By))
	wantRan(s, m, s.A)
	if again := done(s, m, "succeeded"); again.Token != record.Token || !again.Done.At.Equal(record.Done.At) {
		t.Errorf("UNSAFE: the record was written again: %+v, before: %+v", again, record)
	}

	winner, late := s.A.Pod(podsOf(m.job)), s.B.Pod(podsOf(m.job))
	winner.WaitEvent("Normal RunDone", slow)
	for _, about := range []client.Object{late, &s.B.Jobs()[0]} {
		if message := s.B.WaitEvent(about, "Normal RunSkipped", slow); !strings.Contains(message, m.lock) || !strings.Contains(message, winner.Name) {
			t.Errorf("the Event about %s does not say that %s was done by %s: %s", about.GetName(), m.lock, winner.Name, message)
		}
	}
}

// Both clusters at the same time: one runs, the other leaves the run to a holder that it has seen alive.
func TestCronJobRunsInOneCluster(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m := inBoth(s, nil)
	s.A.StartRun(scenario.Release, m.at)
	s.B.StartRun(scenario.Release, m.at)
	winner, other := s.A, s.B
	if s.Await(m.key, podStart, witness.Run.Alive).Cluster == s.B.Name {
		winner, other = s.B, s.A
	}
	skips(s, other, m, "already running elsewhere")
	finish(s, winner, m)
	ends(s, winner, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	wantRan(s, m, winner)
}

// A Job by hand has no scheduled minute. It is refused, unless the CronJob says what to do.
func TestCronJobByHand(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	for _, cluster := range []*kube.Space{s.A, s.B} {
		for _, policy := range []string{"", "skip", "run"} {
			cluster.Install(scenario.Release+policy, kube.Values{
				"kind": "CronJob", "command": []any{"/worker", "-for", "3s"},
				"cronJob": kube.Values{"schedule": "* * * * *", "suspend": true},
				"gate":    kube.Values{"manual": policy, "name": scenario.Release},
			})
			cluster.CreateJobFrom(scenario.Release+policy, "by-hand"+policy)
		}
	}
	for _, cluster := range []*kube.Space{s.A, s.B} {
		refused := byHand(s, cluster, "by-hand", batchv1.JobFailed) // with its one pod: the chart's backoffLimit is 6
		wantLog(s, refused, "carries no scheduled minute")
		wantLog(s, refused, "give --manual run to run it without a bucket, --manual skip to end at once with exit code 0")
		if code := kube.Container(refused.Pod, "main").State.Terminated.ExitCode; code != 64 {
			t.Errorf("%s: a Job by hand ended with %d, not 64", cluster, code)
		}
		wantLog(s, byHand(s, cluster, "by-handskip", batchv1.JobComplete), "skipped: the Job was made by hand and has no scheduled minute")
		// Under run it takes the key without bucket, one after the other, and leaves no record.
		ran := byHand(s, cluster, "by-handrun", batchv1.JobComplete)
		s.Await(s.Key, s.Timing.TTL, func(r witness.Run) bool { return r.Pod == string(ran.UID) })
	}
	if runs := s.Runs(); len(runs) != 2 {
		t.Errorf("UNSAFE: %d runs instead of one by hand in each cluster: %v", len(runs), runs)
	}
	locks, err := s.DB.List(t.Context(), s.Name+"/", 0)
	if err != nil || len(locks) != 1 || locks[0].Key != s.Key || locks[0].State != "free" {
		t.Errorf("Jobs by hand have left something else than the lock %s, free: %v %v", s.Key, locks, err)
	}
}

func byHand(s *scenario.Scenario, cluster *kube.Space, job string, want batchv1.JobConditionType) *kube.Pod {
	s.Helper()
	if got := cluster.WaitJob(job, podStart); got != want {
		s.Errorf("%s: job %s ended as %s, not %s", cluster, job, got, want)
	}
	pods := cluster.Pods(podsOf(job))
	if len(pods) != 1 {
		s.Fatalf("%s: job %s had %d pods, not 1", cluster, job, len(pods))
	}
	return pods[0]
}

func wantLog(s *scenario.Scenario, pod *kube.Pod, text string) {
	s.Helper()
	if log, err := pod.Logs("main", false); err != nil || !strings.Contains(log, text) {
		s.Errorf("pod %s does not say %q: %v\n%s", pod.Name, text, err, log)
	}
}
