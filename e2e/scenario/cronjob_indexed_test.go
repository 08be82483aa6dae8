//go:build linux

package scenario_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// Each index of an Indexed Job is a run of its own, done once in one of both clusters.
func TestCronJobIndexed(t *testing.T) {
	const indexes = 3
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	m := inBoth(s, kube.Values{
		"command": short,
		"job":     kube.Values{"completions": indexes, "parallelism": indexes, "completionMode": "Indexed"},
		"env": []any{
			kube.Values{"name": "INDEX", "valueFrom": kube.Values{"fieldRef": kube.Values{"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}}},
			kube.Values{"name": witness.EnvKey, "value": s.Key + "/$(JOB)#$(INDEX)"},
		},
	})
	s.A.StartRun(scenario.Release, m.at)
	s.B.StartRun(scenario.Release, m.at)
	ends(s, s.A, m, batchv1.JobComplete)
	ends(s, s.B, m, batchv1.JobComplete)

	skipped := 0
	for i := range indexes {
		runs := s.Witness.Runs(fmt.Sprintf("%s#%d", m.key, i))
		if len(runs) != 1 {
			t.Errorf("UNSAFE: index %d ran %d times: %v", i, len(runs), runs)
		}
		// The index stands before the bucket.
		s.AwaitLock(strings.Replace(m.lock, "@", fmt.Sprintf("#%d@", i), 1), "done", s.Timing.TTL, isDone)
	}
	for _, cluster := range []*kube.Space{s.A, s.B} {
		for _, pod := range cluster.Pods(podsOf(m.job)) {
			if log, err := pod.Logs("main", false); err != nil {
				t.Error(err)
			} else if strings.Contains(log, "skipped: ") {
				skipped++
			}
		}
	}
	if skipped != indexes {
		t.Errorf("%d pods of both clusters have skipped their index, not %d", skipped, indexes)
	}
}

// isDone: the run of a bucket has succeeded.
func isDone(i mongolock.Info) bool {
	return i.State == "done" && i.Done != nil && i.Done.Outcome == "succeeded"
}
