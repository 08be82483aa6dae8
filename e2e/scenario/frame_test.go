//go:build linux

package scenario_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// The judge of all other scenarios: two workloads of one key without any gate,
// one in each cluster, are seen to run at once, and a frozen one counts.
func TestFrameSeesTwoAtOnce(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab", MayOverlap: "nothing keeps them apart"})
	s.A.Apply(bare)
	first := s.AwaitRunIn(s.A, time.Minute)
	s.A.Pod("").Signal(kube.Main, syscall.SIGSTOP)
	s.B.Apply(bare)
	second := s.AwaitRunIn(s.B, time.Minute)
	s.Await(s.Key, 20*time.Second, func(r witness.Run) bool { return r.Pod == first.Pod && r.Seen.After(second.Start.Add(time.Second)) })

	found := s.Witness.Overlaps(s.Key)
	if len(found) != 1 || found[0].A.Pod != first.Pod || found[0].B.Pod != second.Pod {
		t.Fatalf("overlaps: %v", found)
	}
}

// bare is a pod that runs the worker under no gate.
const bare = `
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: main
    image: ${WORKER}
    command: [/worker]
    env: [{name: E2E_KEY, value: "${KEY}"}, {name: E2E_CLUSTER, value: "${CLUSTER}"}]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`
