//go:build linux

package scenario_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/mongolock"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// retryAfter is how long a Job's controller waits before it replaces its first failed pod.
const retryAfter = 10 * time.Second

// crash kills all of a pod's containers at once, from the machine: gate, guard and command.
func crash(t *testing.T, pod *kube.Pod) time.Time {
	t.Helper()
	var all []proctree.Process
	for _, role := range []kube.Role{kube.Gate, kube.Guard, kube.Main} {
		found := pod.Processes(role)
		if len(found) != 1 {
			t.Fatalf("pod %s has %d processes of one role, not 1", pod.Name, len(found))
		}
		all = append(all, found...)
	}
	at := time.Now()
	for _, p := range all {
		if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proctree.ErrGone) {
			t.Fatal(err)
		}
	}
	return at
}

// The winner crashes, after the other cluster has left the run to it. Its Job's
// retry comes within the ttl and finds a lease that seems to be held: of its own
// Job, so it waits for it and runs again. Without that rule nobody would do the run.
func TestCronJobCrashedWinnerRunsAgain(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 40 * time.Second})
	m := inBoth(s, nil)
	s.A.StartRun(scenario.Release, m.at)
	pod, first := runs(s, s.A, m)
	s.B.StartRun(scenario.Release, m.at)
	skips(s, s.B, m, "already running elsewhere")

	crashed := crash(t, pod)
	s.AwaitGone(first, s.Timing.TTL)
	retry := s.A.Pod(podsOf(m.job), pod)
	if came := time.Since(crashed); came > s.Timing.TTL {
		t.Fatalf("the retry came after %v: not within the ttl, which was to be shown", came)
	}
	second := s.Await(m.key, podStart+s.TakenOver(), func(r witness.Run) bool { return r.Pod == string(retry.UID) })
	s.Figure("cronjob-crashed-to-retry-running", second.Start.Sub(crashed))
	if waited := second.Start.Sub(crashed); waited < s.Timing.TTL-s.Timing.Heartbeat {
		t.Errorf("the retry ran after %v: it cannot have watched a lease of %v", waited, s.Timing.TTL)
	}
	finish(s, s.A, m)
	ends(s, s.A, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	wantRan(s, m, s.A, s.A)
}

// The same where the container is restarted in its pod: it takes over its own
// lease at once, and nobody else has a chance in between.
func TestCronJobCrashedWinnerIsRestarted(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 20 * time.Second})
	m := inBoth(s, kube.Values{"restartPolicy": "OnFailure", "gate": kube.Values{"ifHeld": "wait"}})
	s.A.StartRun(scenario.Release, m.at)
	pod, first := runs(s, s.A, m)
	waits(s.B, m)

	crashed := crash(t, pod)
	s.AwaitGone(first, s.Timing.TTL)
	second := s.Await(m.key, s.Timing.TTL, func(r witness.Run) bool { return r.Start.After(crashed) })
	s.Figure("cronjob-crashed-to-restart-running", second.Start.Sub(crashed))
	finish(s, s.A, m)
	ends(s, s.A, m, batchv1.JobComplete)
	skips(s, s.B, m, doneBy("succeeded", ""))
	wantRan(s, m, s.A, s.A)
	if last := done(s, m, "succeeded").History; last[len(last)-1].How != "adopted" {
		t.Errorf("the restarted gate did not adopt its lease: %+v", last)
	}
}

// The winner crashes before the other cluster comes, under ifHeld: skip. A
// holder that does not move is no reason to skip: somebody does the run, once.
func TestCronJobCrashedWinnerIsNoReasonToSkip(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 20 * time.Second})
	m := inBoth(s, kube.Values{"job": kube.Values{"backoffLimit": 0}, "gate": kube.Values{"ifHeld": "skip"}})
	s.A.StartRun(scenario.Release, m.at)
	pod, first := runs(s, s.A, m)
	crash(t, pod)
	s.AwaitGone(first, s.Timing.TTL)
	ends(s, s.A, m, batchv1.JobFailed)

	waits(s.B, m)
	s.AwaitLock(m.lock, "held by cluster "+s.B.Name, s.TakenOver(), func(i mongolock.Info) bool { return i.Holder.Cluster == s.B.Name })
	runs(s, s.B, m)
	finish(s, s.B, m)
	ends(s, s.B, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	wantRan(s, m, s.A, s.B)
}

// The winner crashes while the other cluster waits (ifHeld: wait), which takes
// over after the lease. The retry finds the run taken, waits, and skips it.
func TestCronJobCrashedWinnerIsReplaced(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m := inBoth(s, kube.Values{"gate": kube.Values{"ifHeld": "wait"}})
	s.A.StartRun(scenario.Release, m.at)
	pod, first := runs(s, s.A, m)
	waits(s.B, m)

	crashed := crash(t, pod)
	s.AwaitGone(first, s.Timing.TTL)
	second := s.Await(m.key, s.TakenOver(), func(r witness.Run) bool { return r.Start.After(crashed) })
	s.Figure("cronjob-crashed-to-other-cluster-running", second.Start.Sub(crashed))
	s.A.Pod(podsOf(m.job), pod).WaitLog("main", "waiting for the lock", podStart)
	finish(s, s.B, m)
	ends(s, s.B, m, batchv1.JobComplete)
	skips(s, s.A, m, doneBy("succeeded", ""))
	wantRan(s, m, s.A, s.B)
}

// The cluster in which a run goes on loses power. The other one, which waits,
// does the run after the lease; the first comes back, and its Job's retry skips it.
func TestAloneCronJobClusterLostInItsRun(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", Control: true})
	m := inBoth(s, kube.Values{"gate": kube.Values{"ifHeld": "wait"}})
	s.A.StartRun(scenario.Release, m.at)
	_, first := runs(s, s.A, m)
	waits(s.B, m)

	cut := time.Now()
	start := s.StopCluster(s.A)
	s.AwaitGone(first, s.Timing.TTL)
	second := s.Await(m.key, s.TakenOver(), func(r witness.Run) bool { return r.Start.After(cut) })
	s.Figure("cronjob-cluster-lost-to-other-cluster-running", second.Start.Sub(cut))
	start()
	finish(s, s.B, m)
	ends(s, s.B, m, batchv1.JobComplete)
	skips(s, s.A, m, doneBy("succeeded", ""))
	wantRan(s, m, s.A, s.B)
}

// A run that fails is given back, and a cluster that waits for it does it.
func TestCronJobFailedRunIsReleased(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m, pod := failing(s, "release", 0)
	pod.Signal(kube.Main, syscall.SIGKILL)
	ends(s, s.A, m, batchv1.JobFailed)
	runs(s, s.B, m)
	finish(s, s.B, m)
	ends(s, s.B, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	wantRan(s, m, s.A, s.B)
}

// Under hold a failed run stays with its cluster: the other one skips it.
func TestCronJobFailedRunIsHeld(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m, pod := failing(s, "hold", 0)
	pod.Signal(kube.Main, syscall.SIGKILL)
	ends(s, s.A, m, batchv1.JobFailed)
	skips(s, s.B, m, doneBy("failed", pod.Name))
	done(s, m, "failed")
	wantRan(s, m, s.A)
}

// The Job's own retry may do a run that is held for it, and does.
func TestCronJobHeldRunIsRetried(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m, pod := failing(s, "hold", 3)
	killed := time.Now()
	pod.Signal(kube.Main, syscall.SIGKILL)
	skips(s, s.B, m, doneBy("failed", pod.Name))
	retry := s.Await(m.key, retryAfter+podStart, func(r witness.Run) bool { return r.Start.After(killed) })
	s.Figure("cronjob-failed-to-retry-running", retry.Start.Sub(killed))
	finish(s, s.A, m)
	ends(s, s.A, m, batchv1.JobComplete)
	done(s, m, "succeeded")
	wantRan(s, m, s.A, s.A)
}

// failing is a run that goes on in cluster a, while b waits for it.
func failing(s *scenario.Scenario, onFailure string, backoffLimit int) (scheduled, *kube.Pod) {
	s.Helper()
	m := inBoth(s, kube.Values{
		"job":  kube.Values{"backoffLimit": backoffLimit},
		"gate": kube.Values{"ifHeld": "wait", "onFailure": onFailure},
	})
	s.A.StartRun(scenario.Release, m.at)
	pod, _ := runs(s, s.A, m)
	waits(s.B, m)
	return m, pod
}
