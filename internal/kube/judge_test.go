package kube

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const (
	over     = `{"terminated":{"exitCode":0,"reason":"Completed","finishedAt":"2026-11-22T10:00:00Z"}}`
	failed   = `{"terminated":{"exitCode":1,"reason":"Error","finishedAt":"2026-11-22T10:00:00Z"}}`
	running  = `{"running":{"startedAt":"2026-11-22T09:00:00Z"}}`
	waiting  = `{"waiting":{"reason":"CrashLoopBackOff"}}`
	unknown  = `{"terminated":{"exitCode":137,"reason":"ContainerStatusUnknown","finishedAt":null}}`
	unknown2 = `{"terminated":{"exitCode":137,"reason":"ContainerStatusUnknown","finishedAt":"2026-11-22T10:00:00Z"}}`
	undated  = `{"terminated":{"exitCode":0,"finishedAt":null}}`
	mixed    = `{"running":{},"terminated":{"exitCode":0,"finishedAt":"2026-11-22T10:00:00Z"}}`
	gateItIs = `{"name":"mongogate","restartPolicy":"Always"}`
	rules    = `"restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[42]}}]`
)

func status(name, state string) string {
	return fmt.Sprintf(`{"name":%q,"containerID":"containerd://%s","state":%s}`, name, name, state)
}

// podCase is a pod with the gate as native sidecar, one main container (unless mains says otherwise) and its status.
type podCase struct {
	why, policy string
	mains       string // of the spec
	inits       string // beside the gate
	states      string // of the mains
	initStates  string
	status      string // more of it
	deleted     bool
	uid         string
	evidence    bool
	provable    bool
}

func (c podCase) parts() (metadata, spec, state string) {
	if c.mains == "" {
		c.mains = `{"name":"main"}`
	}
	if c.uid == "" {
		c.uid = podUID
	}
	metadata = fmt.Sprintf(`{"name":%q,"uid":%q`, podName, c.uid)
	if c.deleted {
		metadata += `,"deletionTimestamp":"2026-11-22T10:00:30Z","deletionGracePeriodSeconds":30`
	}
	comma := func(text string) string {
		if text == "" {
			return ""
		}
		return "," + text
	}
	spec = fmt.Sprintf(`{"restartPolicy":%q,"containers":[%s],"initContainers":[%s%s]}`, c.policy, c.mains, gateItIs, comma(c.inits))
	state = fmt.Sprintf(`{"phase":"Failed","containerStatuses":[%s],"initContainerStatuses":[%s%s]%s}`, c.states, status("mongogate", running), comma(c.initStates), comma(c.status))
	return metadata + "}", spec, state
}

func (c podCase) pod(t *testing.T) *apiPod {
	t.Helper()
	metadata, spec, state := c.parts()
	p := new(apiPod)
	if err := json.Unmarshal(fmt.Appendf(nil, `{"metadata":%s,"spec":%s,"status":%s}`, metadata, spec, state), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// What may be believed of a pod's status, and above all what may not.
var podCases = []podCase{
	{why: "a Job's container has ended", policy: "Never", states: status("main", over), evidence: true, provable: true},
	{why: "a Job's container has failed", policy: "Never", states: status("main", failed), evidence: true, provable: true},
	{why: "it has succeeded and is restarted only on failure", policy: "OnFailure", states: status("main", over), evidence: true},
	{why: "it has failed and is restarted on failure", policy: "OnFailure", states: status("main", failed)},
	{why: "it is always restarted", policy: "Always", states: status("main", over)},
	{why: "it is always restarted, and the pod is being deleted: the kubelet may not know yet", policy: "Always", states: status("main", over), deleted: true},
	{why: "it runs, although the pod's phase says that it has failed", policy: "Never", states: status("main", running), provable: true},
	{why: "it runs, and the pod is being deleted", policy: "Never", states: status("main", running), deleted: true, provable: true},
	{why: "it waits to be started again", policy: "Never", states: status("main", waiting), provable: true},
	{why: "nothing is reported of it", policy: "Never", provable: true},
	{why: "only another container is reported", policy: "Never", states: status("other", over), provable: true},
	{why: "the kubelet does not know how it ended", policy: "Never", states: status("main", unknown), provable: true},
	{why: "the kubelet does not know, with a date", policy: "Never", states: status("main", unknown2), provable: true},
	{why: "nobody says when it ended", policy: "Never", states: status("main", undated), provable: true},
	{why: "it was never made", policy: "Never", states: `{"name":"main","containerID":"","state":` + over + `}`, provable: true},
	{why: "it is said to run and to have ended", policy: "Never", states: status("main", mixed), provable: true},
	{why: "two statuses of one name", policy: "Never", states: status("main", over) + "," + status("main", running), provable: true},
	{why: "an empty state", policy: "Never", states: status("main", "{}"), provable: true},
	{why: "one of two runs", policy: "Never", mains: `{"name":"main"},{"name":"second"}`, states: status("main", over) + "," + status("second", running), provable: true},
	{why: "both of two have ended", policy: "Never", mains: `{"name":"main"},{"name":"second"}`, states: status("main", over) + "," + status("second", failed), evidence: true, provable: true},
	{why: "another pod of the same name", policy: "Never", states: status("main", over), uid: "another"},
	{why: "rules of its own start it again", policy: "Never", mains: `{"name":"main","restartPolicy":"Never",` + rules + `}`, states: status("main", over)},
	{why: "a policy of its own starts it again", policy: "Never", mains: `{"name":"main","restartPolicy":"Always"}`, states: status("main", over)},
	{why: "a policy of its own keeps it down", policy: "Always", mains: `{"name":"main","restartPolicy":"Never"}`, states: status("main", failed), evidence: true, provable: true},
	{why: "all containers are about to be started anew", policy: "Never", states: status("main", over), status: `"conditions":[{"type":"AllContainersRestarting","status":"True"}]`, provable: true},
	{why: "they were started anew before", policy: "Never", states: status("main", over), status: `"conditions":[{"type":"AllContainersRestarting","status":"False"}]`, evidence: true, provable: true},
	{why: "an unknown policy", policy: "Sometimes", states: status("main", over)},
	{why: "the gate is a main container itself", policy: "Never", mains: `{"name":"main"},{"name":"gate"}`, states: status("main", over) + "," + status("gate", running), provable: true},
	// Sidecars and init containers are the workload only where they are marked.
	{why: "a mesh's proxy runs on", policy: "Never", states: status("main", over), inits: `{"name":"proxy","restartPolicy":"Always"}`, initStates: status("proxy", running), evidence: true, provable: true},
	{why: "a marked sidecar runs on", policy: "Never", states: status("main", over), inits: `{"name":"agent","restartPolicy":"Always","env":[{"name":"MONGOGATE_WORKLOAD","value":"1"}]}`, initStates: status("agent", running)},
	{why: "a marked sidecar has ended, and is started again", policy: "Never", states: status("main", over), inits: `{"name":"agent","restartPolicy":"Always","env":[{"name":"MONGOGATE_WORKLOAD"}]}`, initStates: status("agent", over)},
	{why: "a marked init container runs", policy: "Never", states: status("main", over), inits: `{"name":"migrate","env":[{"name":"MONGOGATE_WORKLOAD"}]}`, initStates: status("migrate", running), provable: true},
	{why: "a marked init container is done", policy: "Never", states: status("main", over), inits: `{"name":"migrate","env":[{"name":"A"},{"name":"MONGOGATE_WORKLOAD"}]}`, initStates: status("migrate", over), evidence: true, provable: true},
	{why: "a marked init container has failed and is run again", policy: "OnFailure", states: status("main", over), inits: `{"name":"migrate","env":[{"name":"MONGOGATE_WORKLOAD"}]}`, initStates: status("migrate", failed)},
	{why: "a marked init container of a pod that is always restarted is done", policy: "Always", mains: `{"name":"main","restartPolicy":"Never"}`, states: status("main", over), inits: `{"name":"migrate","env":[{"name":"MONGOGATE_WORKLOAD"}]}`, initStates: status("migrate", over), evidence: true, provable: true},
}

func TestWhatAPodsStatusProves(t *testing.T) {
	proofs := 0
	for _, c := range podCases {
		p := c.pod(t)
		err := judge(p, Pod{Name: podName, UID: podUID}, marker)
		if (err == nil) != c.evidence {
			t.Errorf("%s: %v, want evidence: %v", c.why, err, c.evidence)
		}
		if c.evidence {
			proofs++
		}
		if ever := provable(p, Pod{Name: podName, UID: podUID}, marker); (ever == nil) != c.provable {
			t.Errorf("%s: can be proved: %v, want %v", c.why, ever, c.provable)
		}
	}
	if proofs < 5 || len(podCases)-proofs < 20 {
		t.Errorf("%d of %d are evidence", proofs, len(podCases))
	}
	empty := &apiPod{}
	empty.Metadata.UID, empty.Metadata.Name = podUID, podName
	if err := judge(empty, Pod{Name: podName, UID: podUID}, marker); err == nil || !strings.Contains(err.Error(), "no containers") {
		t.Errorf("a pod of nothing: %v", err)
	}
}
