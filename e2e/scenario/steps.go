//go:build linux

package scenario

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/witness"
)

// TakenOver is how long a successor may take to run after a holder fell silent
// without a word: its ttl and grace are watched, looks are in between, and a container starts.
func (s *Scenario) TakenOver() time.Duration {
	return 2*s.Timing.TTL + s.Timing.Grace + 15*time.Second
}

// AwaitRun waits until a pod's workload runs.
func (s *Scenario) AwaitRun(pod *kube.Pod, within time.Duration) witness.Run {
	s.Helper()
	return s.Await(s.Key, within, func(r witness.Run) bool { return r.Pod == string(pod.UID) && r.Alive() })
}

// AwaitRunIn waits until a workload of the scenario's key runs in a cluster.
func (s *Scenario) AwaitRunIn(space *kube.Space, within time.Duration) witness.Run {
	s.Helper()
	return s.Await(s.Key, within, func(r witness.Run) bool { return r.Cluster == space.Name && r.Alive() })
}

// AwaitGone waits until nothing is left of a run, and returns it as it was.
func (s *Scenario) AwaitGone(run witness.Run, within time.Duration) witness.Run {
	s.Helper()
	return s.Await(run.Key, within, func(r witness.Run) bool {
		return !r.Alive() && r.Pod == run.Pod && r.Container == run.Container && r.Start.Equal(run.Start)
	})
}

// Await waits until the witness has seen such a run of a key.
func (s *Scenario) Await(key string, within time.Duration, asked func(witness.Run) bool) witness.Run {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	run := must.Get(s.Witness.Await(ctx, key, asked))(s.T)
	return run
}

// Runs are those of the scenario's key so far.
func (s *Scenario) Runs() []witness.Run { return s.Witness.Runs(s.Key) }

// HoldLock takes a key as somebody else would, and keeps it until release is
// called, which tells when the last instant was at which it was surely held.
func (s *Scenario) HoldLock(key string) (release func() time.Time) {
	s.Helper()
	lease, err := s.DB.Acquire(s.Context(), key)
	if err != nil {
		s.Fatalf("taking %s: %v", key, err)
	}
	held := true
	give := func() time.Time {
		at := time.Now()
		if held {
			held = false
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := lease.Release(ctx); err != nil {
				s.Errorf("giving %s back: %v", key, err)
			}
		}
		return at
	}
	s.Cleanup(func() { give() })
	return give
}

// Lock is what the database says of a key now; zero where there is no document.
func (s *Scenario) Lock(key string) mongolock.Info {
	s.Helper()
	info, err := s.DB.Info(s.Context(), key)
	if err != nil {
		s.Logf("lock %s: %v", key, err)
	}
	return info
}

// AwaitLock waits until the document of a key is as asked. want says how, in words.
func (s *Scenario) AwaitLock(key, want string, within time.Duration, asked func(mongolock.Info) bool) mongolock.Info {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), within)
	defer cancel()
	for {
		info, err := s.DB.Info(ctx, key)
		if err == nil && asked(info) {
			return info
		}
		select {
		case <-ctx.Done():
			s.Fatalf("lock %s: %s: not within %v; last: %s %v", key, want, within, jsonOf(info), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// AwaitHolder waits until a pod holds a key.
func (s *Scenario) AwaitHolder(key string, pod *kube.Pod, within time.Duration) mongolock.Info {
	s.Helper()
	return s.AwaitLock(key, "held by pod "+pod.Name+" "+string(pod.UID), within, func(i mongolock.Info) bool {
		return i.State == "held" && i.Holder.PodUID == string(pod.UID)
	})
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
