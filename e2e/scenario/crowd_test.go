//go:build linux

package scenario_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// times is how often something is tried: as a variable says, or as often as CI does.
func times(t *testing.T, variable string, inCI int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(variable))
	if err != nil || n < 1 {
		return inCI
	}
	return n
}

// member is one of many pods of a release, under a key of its own, for which somebody else waits.
type member struct {
	*scenario.Scenario

	release, key string
	pod          *kube.Pod
	run          witness.Run
	// took tells when the other one had the lock, since when this one was to lose it.
	took  func(time.Duration) time.Time
	since time.Time
}

const (
	indexOfSet = "apps.kubernetes.io/pod-index"
	indexOfJob = "batch.kubernetes.io/job-completion-index"
)

// crowd installs a release with n pods, as a StatefulSet, or as an Indexed Job without retries where nothing is to be started again.
func crowd(s *scenario.Scenario, in *kube.Space, release string, n int, job bool, values kube.Values) []*member {
	s.Helper()
	index, kind := indexOfSet, kube.Values{"kind": "StatefulSet", "replicas": n}
	if job {
		index, kind = indexOfJob, kube.Values{"kind": "Job", "job": kube.Values{
			"completionMode": "Indexed", "parallelism": n, "completions": n, "backoffLimit": 1000, "backoffLimitPerIndex": 0,
		}}
	}
	in.Install(release, values.With(kind).With(kube.Values{"env": []any{
		kube.Values{"name": "E2E_INDEX", "valueFrom": kube.Values{"fieldRef": kube.Values{"fieldPath": "metadata.labels['" + index + "']"}}},
		kube.Values{"name": witness.EnvKey, "value": s.Name + "/" + release + "#$(E2E_INDEX)"},
	}}))
	var all []*member
	for i := range n {
		all = append(all, &member{Scenario: s, release: release, key: fmt.Sprintf("%s/%s#%d", s.Name, release, i)})
	}
	for i, m := range all {
		m.pod = in.Pod(fmt.Sprintf("app.kubernetes.io/instance=%s,%s=%d", release, index, i))
	}
	return all
}

// awaited waits until each runs and somebody else waits for its lock.
func awaited(all []*member) {
	for _, m := range all {
		m.Helper()
		m.run = m.Await(m.key, slow, func(r witness.Run) bool { return r.Pod == string(m.pod.UID) && r.Alive() })
		m.AwaitHolder(m.key, m.pod, slow)
	}
	for _, m := range all {
		m.took = m.Succeed(m.key)
	}
}

// gone fails the test if something of the workload lived when the other one had the lock, or later than the lease lasts.
func (m *member) gone(what string) {
	m.Helper()
	at := m.took(m.TakenOver() + slow)
	m.AwaitGone(m.run, slow)
	var last time.Time
	for _, r := range m.Witness.Runs(m.key) {
		if r.Seen.After(at) {
			m.Errorf("UNSAFE: %s: somebody else had the lock for %v, and it was seen: %v", m.key, r.Seen.Sub(at), r)
		}
		if r.Seen.After(last) {
			last = r.Seen
		}
	}
	// Its last renewal was acknowledged before.
	if lived := last.Sub(m.since); lived > m.Timing.TTL {
		m.Errorf("UNSAFE: %s: it lived for %v, longer than its lease", m.key, lived)
	}
	m.Figure(what+"-to-main-gone", max(0, last.Sub(m.since)))
	m.Figure(what+"-to-next-holder", at.Sub(m.since))
}
