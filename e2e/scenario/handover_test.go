//go:build linux

package scenario_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

const app = "app.kubernetes.io/instance=" + scenario.Release

// Under run, main does not begin before the lock is free.
func TestRunHoldsMainBack(t *testing.T) {
	s := scenario.New(t, scenario.Opts{})
	release := s.HoldLock(s.Key)

	s.A.Install(scenario.Release, nil)
	pod := s.A.Pod(app)
	pod.WaitLog("main", "waiting for the lock", time.Minute)
	if runs := s.Runs(); len(runs) != 0 {
		t.Fatalf("ran without the lock: %v", runs)
	}

	released := release()
	run := s.AwaitRun(pod, 20*time.Second)
	if run.Start.Before(released) {
		t.Errorf("began %v before the lock was released", released.Sub(run.Start))
	}
	pod.WaitReady(20 * time.Second)
}

// A pod that is deleted releases when its workload has ended; the other cluster
// has it within a look, not after a lease.
func TestHandOverOnDelete(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", TTL: 20 * time.Second})
	installed := time.Now()
	s.A.Install(scenario.Release, nil)
	a := s.A.Pod(app)
	first := s.AwaitRun(a, time.Minute)
	s.Figure("helm-install-to-lock-held", s.AwaitHolder(s.Key, a, time.Second).Created.Sub(installed))
	s.Figure("helm-install-to-main-running", first.Start.Sub(installed))
	s.B.Install(scenario.Release, nil)
	b := s.B.Pod(app)
	b.WaitLog("main", "waiting for the lock", time.Minute)

	deleted := time.Now()
	s.A.Scale(scenario.Release, 0) // a pod that is only deleted has a successor beside it, which is faster than b
	first = s.AwaitGone(first, 20*time.Second)
	second := s.AwaitRun(b, 20*time.Second)
	s.Figure("pod-deleted-to-main-gone", first.Gone.Sub(deleted))
	s.Figure("pod-deleted-to-successor-running", second.Start.Sub(deleted))
	if took := second.Start.Sub(first.Gone); took > s.Timing.TTL/2 {
		t.Errorf("the successor ran %v after main had gone: the lock was not released but ran out", took)
	}
}

// SIGKILL of the gate: main is gone before the lease ends, and the other
// cluster runs only after that, and after having watched the lease in full.
func TestHandOverOnKilledGate(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	// A Job without retries: nobody comes back in a to adopt the lease.
	job := kube.Values{"kind": "Job", "job": kube.Values{"backoffLimit": 0}}
	s.A.Install(scenario.Release, job)
	a := s.A.Pod(app)
	first := s.AwaitRun(a, time.Minute)
	s.B.Install(scenario.Release, job)
	b := s.B.Pod(app)
	b.WaitLog("main", "waiting for the lock", time.Minute)

	killed := time.Now()
	a.Signal(kube.Gate, syscall.SIGKILL)
	first = s.AwaitGone(first, s.Timing.TTL)
	s.Figure("gate-killed-to-main-gone", first.Gone.Sub(killed))
	second := s.AwaitRun(b, s.TakenOver())
	s.Figure("gate-killed-to-successor-running", second.Start.Sub(killed))
	if waited := second.Start.Sub(killed); waited < s.Timing.TTL-s.Timing.Heartbeat {
		t.Errorf("the successor ran after %v: it cannot have watched a lease of %v", waited, s.Timing.TTL)
	}
}
