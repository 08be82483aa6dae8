//go:build linux

package scenario_test

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// Under run, main does not begin before the lock is free.
func TestRunHoldsMainBack(t *testing.T) {
	s := scenario.New(t, scenario.Opts{})
	release := s.HoldLock(s.Key)
	s.A.Install(scenario.Release, nil)
	pod := s.A.Pod(app)
	pod.WaitLog("main", "waiting for the lock", slow)
	heldBack(s, pod, release)
}

// The startup probe of a native sidecar holds the main container back.
func TestSidecarHoldsMainBack(t *testing.T) {
	s := scenario.New(t, scenario.Opts{})
	release := s.HoldLock(s.Key)
	s.A.Install(scenario.Release, gated("sentinel"))
	pod := s.A.Pod(app)
	pod.WaitLog("mongogate", "waiting for the lock", slow)
	heldBack(s, pod, release)
}

// An init container waits for the lock; the sidecar after it adopts the lease,
// and does not wait for it to run out.
func TestInitHoldsMainBackAndSidecarAdopts(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 30 * time.Second})
	release := s.HoldLock(s.Key)
	s.A.Install(scenario.Release, gated("sentinel", kube.Values{"init": kube.Values{"enabled": true}}))
	pod := s.A.Pod(app)
	pod.WaitLog("mongogate-wait", "waiting for the lock", slow)
	heldBack(s, pod, release)

	if how := cameToHold(s, pod); how != "adopted" {
		t.Errorf("the sidecar's lease was %s, not adopted from the init container", how)
	}
}

// cameToHold is how the pod that holds the lock came to it: free, taken-over or adopted.
func cameToHold(s *scenario.Scenario, pod *kube.Pod) string {
	s.Helper()
	history := s.AwaitHolder(s.Key, pod, 5*time.Second).History
	return history[len(history)-1].How
}

// heldBack: nothing ran while somebody else held the lock, and it runs soon after he has given it back.
func heldBack(s *scenario.Scenario, pod *kube.Pod, release func() time.Time) {
	s.Helper()
	// As long as two of the holder's heartbeats: a gate that does not hold back has passed by then.
	since := s.Lock(s.Key).Touched
	s.AwaitLock(s.Key, "renewed twice by another", slow, func(i mongolock.Info) bool {
		return i.Touched.Sub(since) > mongolock.Timing{}.WithDefaults().Heartbeat*3/2
	})
	if runs := s.Runs(); len(runs) != 0 {
		s.Fatalf("UNSAFE: ran without the lock: %v", runs)
	}
	released := release()
	run := s.AwaitRun(pod, slow)
	if run.Start.Before(released) {
		s.Errorf("UNSAFE: began %v before the lock was released", released.Sub(run.Start))
	}
	s.Figure("lock-released-to-waiting-main-running-"+pod.Labels["mongogate.dev/protection"], run.Start.Sub(released))
	pod.WaitReady(slow)
}

// gated are values of a protection, with others of the gate on top.
func gated(protection string, more ...kube.Values) kube.Values {
	gate := kube.Values{"protection": protection}
	for _, m := range more {
		gate = gate.With(m)
	}
	return kube.Values{"gate": gate}
}
