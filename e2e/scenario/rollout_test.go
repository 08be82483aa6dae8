//go:build linux

package scenario_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// changed is what makes new pods of a workload.
var changed = kube.Values{"env": []any{map[string]any{"name": "CHANGED", "value": "yes"}}} //nolint:gochecknoglobals // values, never changed

// A changed Deployment rolls through, and the old main has ended before the new one
// begins: under Recreate, and with maxSurge 0, where the new pod is there before the old has gone.
func TestRolloutDeployment(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	noSurge := kube.Values{"deployment": kube.Values{"strategy": kube.Values{"type": "RollingUpdate", "rollingUpdate": kube.Values{"maxSurge": 0, "maxUnavailable": 1}}}}
	for _, c := range []struct {
		name           string
		values, change kube.Values
		beside         bool
	}{
		{"recreate-run", gated("run"), changed, false},
		{"max-surge-0-run", gated("run").With(noSurge), changed, true},
		{"recreate-sidecar", gated("sentinel", shared), changed, false},
		{"max-surge-0-sidecar", gated("sentinel", shared).With(noSurge), changed, true},
		{"max-surge-0-gate-image", gated("sentinel", shared).With(noSurge), kube.Values{"gate": kube.Values{"image": kube.Values{"registry": ""}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
			if c.name == "max-surge-0-gate-image" {
				sameImage(s) // without its registry
			}
			// The old main ends when the scenario says so, and neither before nor after that.
			values := c.values.With(kube.Values{"args": []any{"-ignore-term"}, "terminationGracePeriodSeconds": 180})
			s.A.Install(scenario.Release, values)
			old := s.A.Pod(app)
			first := s.AwaitRun(old, slow)
			old.WaitReady(slow)

			s.A.Upgrade(scenario.Release, values.With(c.change))
			old.Wait("is on its way out", slow, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil })
			old.WaitLog("main", "signal: terminated", slow) // a kubelet that has not heard of it yet would start main again
			if c.beside {
				next := s.A.Pod(app, old)
				next.WaitLog(gateOf(next), "waiting for the lock", slow)
			}
			ended := time.Now()
			old.Signal(kube.Main, syscall.SIGKILL)
			gone := s.AwaitGone(first, slow)
			next := s.Await(s.Key, slow, func(r witness.Run) bool { return r.Pod != first.Pod && r.Alive() })
			s.Figure("rollout-main-ended-to-new-main-running-"+c.name, next.Start.Sub(ended))
			s.A.WaitRollout(scenario.Release, slow)
			if how := cameToHold(s, s.A.Pod(app, old)); how != "free" {
				t.Errorf("the new pod's lock was %s: the old one, gone at %v, did not release it", how, gone.Gone)
			}
			if runs := s.Runs(); len(runs) != 2 {
				t.Errorf("UNSAFE: one run before the change and one after it, not %v", runs)
			}
		})
	}
}

// Another key under a surge is refused by helm upgrade, and what runs goes on. When nothing runs any more the value that
// the message names accepts it, and the workload runs under the other key.
func TestRolloutOfAnotherKey(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	surge := kube.Values{
		"gate":       kube.Values{"readiness": "candidate", "key": s.Key},
		"deployment": kube.Values{"strategy": kube.Values{"type": "RollingUpdate", "rollingUpdate": kube.Values{"maxSurge": 1, "maxUnavailable": 0}}},
	}
	s.A.Install(scenario.Release, surge)
	old := s.A.Pod(app)
	run := s.AwaitRun(old, slow)
	old.WaitReady(slow)

	before, other := s.A.Inventory(), s.Key+"-other"
	changed := surge.With(kube.Values{"gate": kube.Values{"key": other}})
	err := s.A.TryUpgrade(scenario.Release, changed)
	if err == nil || !strings.Contains(err.Error(), "runs under key "+s.Key+", and now "+other+": that is another lock") {
		t.Fatalf("another key: %v", err)
	}
	accepts := regexp.MustCompile(`keyChange: "([0-9a-f]{8})"`).FindStringSubmatch(err.Error())
	if accepts == nil {
		t.Fatalf("the message names no value that accepts it: %v", err)
	}
	s.A.WaitInventory(before, slow)
	refused := time.Now()
	s.Await(s.Key, slow, func(r witness.Run) bool { return r.Start.Equal(run.Start) && r.Seen.After(refused) })

	s.A.Upgrade(scenario.Release, surge.With(kube.Values{"replicas": 0}))
	gone := s.AwaitGone(run, slow)
	s.A.Upgrade(scenario.Release, changed.With(kube.Values{"gate": kube.Values{"keyChange": accepts[1]}}))
	next := s.A.Pod(app, old)
	s.AwaitHolder(other, next, slow)
	if again := s.AwaitRun(next, slow); again.Start.Before(gone.Gone) {
		t.Errorf("UNSAFE: the workload began under the other key %v before it had ended under the old one", gone.Gone.Sub(again.Start))
	}
	if runs := s.Runs(); len(runs) != 2 {
		t.Errorf("UNSAFE: one run under each key, not %v", runs)
	}
}

// Candidates are ready while they wait, so that a rolling update never lacks a
// pod, and the Service has the one that holds, only that, at every moment.
func TestRolloutCandidates(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	values := kube.Values{
		"replicas": 2,
		"args":     []any{"-http=:8080"}, "ports": []any{map[string]any{"name": "http", "containerPort": 8080}},
		"readinessProbe": asked("/readyz"),
		"deployment":     kube.Values{"strategy": kube.Values{"type": "RollingUpdate", "rollingUpdate": kube.Values{"maxSurge": 1, "maxUnavailable": 0}}},
		"service":        kube.Values{"enabled": true},
		"gate":           kube.Values{"readiness": "candidate", "kube": kube.Values{"label": "mongogate.dev/holder"}},
	}
	serving := s.A.WatchServing(scenario.Release)
	s.A.Install(scenario.Release, values)
	s.A.WaitRollout(scenario.Release, slow)
	old := s.A.Pods(app)
	serving.Await(slow, runsIn(s, old))

	updated := time.Now()
	s.A.Upgrade(scenario.Release, values.With(changed))
	s.A.WaitRollout(scenario.Release, slow)
	s.Figure("rolling-update-of-2-candidates", time.Since(updated))
	isOld := func(p *kube.Pod) bool {
		return slices.ContainsFunc(old, func(o *kube.Pod) bool { return o.UID == p.UID })
	}
	holder := runsIn(s, slices.DeleteFunc(s.A.Pods(app), isOld))
	serving.Await(slow, holder)
	for _, state := range serving.States() {
		if len(state) > 1 {
			t.Errorf("the Service sent requests to %v at once", state)
		}
	}
	if holder.Labels["mongogate.dev/holder"] != "true" {
		t.Errorf("the holder has no label: %v", holder.Labels)
	}
}

// runsIn waits until the workload runs in one of these pods, and returns that as it is then.
func runsIn(s *scenario.Scenario, pods []*kube.Pod) *kube.Pod {
	s.Helper()
	in := func(uid string) int {
		return slices.IndexFunc(pods, func(p *kube.Pod) bool { return string(p.UID) == uid })
	}
	run := s.Await(s.Key, slow, func(r witness.Run) bool { return r.Alive() && in(r.Pod) >= 0 })
	pod := pods[in(run.Pod)]
	pod.Wait("is ready and has the label", slow, func(p *corev1.Pod) bool { return kube.IsReady(p) && p.Labels["mongogate.dev/holder"] == "true" })
	return pod
}

// asked is a probe of the workload's own.
func asked(path string) kube.Values {
	return kube.Values{"httpGet": kube.Values{"path": path, "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 1}
}

// A StatefulSet has one key for each ordinal: both run at once, each under its
// own, and a rolling update passes.
func TestRolloutStatefulSet(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	keys := []string{s.Key + "#0", s.Key + "#1"}
	values := kube.Values{"kind": "StatefulSet", "replicas": 2, "env": []any{
		map[string]any{"name": "E2E_INDEX", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}},
		map[string]any{"name": witness.EnvKey, "value": s.Key + "#$(E2E_INDEX)"},
	}}
	s.A.Install(scenario.Release, values)
	s.A.WaitRollout(scenario.Release, slow)
	before := map[string]witness.Run{}
	for _, key := range keys {
		before[key] = s.Await(key, slow, witness.Run.Alive)
	}
	for _, key := range keys { // still, now that the other has begun
		s.Await(key, slow, func(r witness.Run) bool {
			return r.Pod == before[key].Pod && r.Seen.After(before[keys[0]].First) && r.Seen.After(before[keys[1]].First)
		})
	}

	updated := time.Now()
	s.A.Upgrade(scenario.Release, values.With(kube.Values{"podAnnotations": kube.Values{"changed": "yes"}}))
	for i, key := range keys {
		next := s.Await(key, slow, func(r witness.Run) bool { return r.Pod != before[key].Pod && r.Alive() })
		info := s.AwaitLock(key, "held by the new pod", slow, func(i mongolock.Info) bool { return i.State == "held" && i.Holder.PodUID == next.Pod })
		if want := scenario.Release + "-" + string(rune('0'+i)); info.Holder.Pod != want {
			t.Errorf("%s is held by %s, not by %s", key, info.Where(), want)
		}
	}
	s.A.WaitRollout(scenario.Release, slow)
	s.Figure("rolling-update-of-2-ordinals", time.Since(updated))
	for _, key := range keys {
		if runs := s.Witness.Runs(key); len(runs) != 2 {
			t.Errorf("UNSAFE: one run before the change and one after it, not %v", runs)
		}
	}
}

// A holder whose node is drained hands over to the other cluster, for its
// successor has no node; that waits when there is one again.
func TestAloneRolloutNodeDrain(t *testing.T) {
	for _, c := range []struct {
		name   string
		values kube.Values
	}{
		{"wrapper", gated("run")},
		{"sidecar", gated("sentinel", shared)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{Control: true, TTL: 20 * time.Second}, c.values)
			drained := time.Now()
			uncordon := p.Drain(p.A)
			gone := p.AwaitGone(p.first, slow)
			next := p.AwaitRun(p.b, slow)
			p.Figure("node-drained-to-successor-running-"+c.name, next.Start.Sub(drained))
			p.released(gone, next)

			successor := p.A.Pod(app, p.a)
			successor.Wait("has no node", slow, func(pod *corev1.Pod) bool {
				return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
					return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
				})
			})
			uncordon()
			successor.WaitLog(gateOf(successor), "waiting for the lock", slow)
			if runs := p.Runs(); len(runs) != 2 {
				t.Errorf("UNSAFE: only b was to run: %v", runs)
			}
		})
	}
}

// A main that crashes gives the lock back at each crash, so that the other
// cluster has it while the kubelet lets the container cool down.
func TestRolloutCrashLoopHandsOver(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Clusters: "ab"})
	s.A.Install(scenario.Release, kube.Values{"args": []any{"-for=1s", "-code=1"}})
	a := s.A.Pod(app)
	s.Await(s.Key, slow, func(r witness.Run) bool { return r.Pod == string(a.UID) })
	s.B.Install(scenario.Release, nil)
	b := s.B.Pod(app)
	s.AwaitRun(b, slow)
	if how := cameToHold(s, b); how != "free" {
		t.Errorf("the lock was %s, not given back by the main that crashed", how)
	}
	runs := s.Runs() // it ran on in a for as long as b was not there
	a.Wait("is in a crash loop", slow, func(p *corev1.Pod) bool { return kube.Container(p, "main").RestartCount > 0 })
	a.WaitLog("main", `"holder":"`+b.Name+`"`, slow)
	if now := s.Runs(); len(now) != len(runs) {
		t.Errorf("UNSAFE: ran while b held: %v", now[len(runs):])
	}
}

// An image that cannot be pulled never gets as far as to the lock.
func TestRolloutImageThatIsMissingHandsOver(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, gated("run"))
	upgraded := time.Now()
	p.A.Upgrade(scenario.Release, gated("run").With(kube.Values{"image": kube.Values{
		"registry": "127.0.0.1:1", // where nobody answers, and says so at once
	}}))
	gone := p.AwaitGone(p.first, slow)
	next := p.AwaitRun(p.b, slow)
	p.Figure("upgrade-to-a-missing-image-to-other-cluster-running", next.Start.Sub(upgraded))
	p.released(gone, next)
	// The kubelet pulls one image at a time, so how soon it says that it failed depends on others.
	stuck := p.A.Pod(app, p.a)
	p.A.Eventually("the kubelet tries to pull what is missing", slow, func(context.Context) (bool, string) {
		return slices.ContainsFunc(p.A.Events("Pulling"), func(e corev1.Event) bool { return e.InvolvedObject.UID == stuck.UID }), ""
	})
	stuck.Wait("has not begun", slow, func(pod *corev1.Pod) bool { return kube.Container(pod, "main").State.Waiting != nil })
	if runs := p.Runs(); len(runs) != 2 {
		t.Errorf("UNSAFE: only b was to run: %v", runs)
	}
}

// The workload's own probes, under the wrapper: while it waits none of them ends
// its container, as one without a gate shows that they would; when it holds they
// ask the workload, and what they say counts.
func TestRolloutProbesOfMain(t *testing.T) {
	const start = 6 * time.Second
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	release := s.HoldLock(s.Key)
	s.A.Install(scenario.Release, kube.Values{
		"args":         []any{"-http=:8080", "-ready-after=" + start.String()},
		"startupProbe": asked("/healthz").With(kube.Values{"failureThreshold": 20}), "livenessProbe": asked("/healthz"), "readinessProbe": asked("/readyz"),
	})
	pod := s.A.Pod(app)
	pod.WaitLog("main", "waiting for the lock", slow)
	s.A.Apply(strings.NewReplacer("name: bare", "name: control", "name: main", "name: main\n    livenessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1, failureThreshold: 20}", "${KEY}", "${KEY}-control").Replace(bare))
	for _, p := range s.A.Pods("") {
		if p.Name == "control" {
			p.Wait("is ended by its probe", slow, func(p *corev1.Pod) bool { return kube.Container(p, "main").RestartCount > 0 })
		}
	}
	pod.Wait("waits without a restart", slow, func(p *corev1.Pod) bool {
		main := kube.Container(p, "main")
		if main.RestartCount > 0 {
			t.Fatal("the container was ended while it waited")
		}
		return main.State.Running != nil && main.Started != nil && *main.Started
	})
	if runs := s.Runs(); len(runs) != 0 {
		t.Fatalf("UNSAFE: ran without the lock: %v", runs)
	}
	if kube.IsReady(pod.Pod) {
		t.Error("is ready without the lock")
	}

	release()
	first := s.AwaitRun(pod, slow)
	pod.WaitReady(slow)
	if took := time.Since(first.Start); took < start {
		t.Errorf("ready after %v, and the workload says so only after %v", took, start)
	}
	tell := func(what string) {
		t.Helper()
		must.Get(pod.Exec("main", "/worker", "-post", "http://localhost:8080/"+what))(t)
	}
	tell("readyz?ok=false")
	pod.Wait("is not ready", slow, func(p *corev1.Pod) bool { return !kube.IsReady(p) })
	before := s.AwaitHolder(s.Key, pod, 5*time.Second)
	tell("healthz?ok=false")
	gone := s.AwaitGone(first, slow)
	again := s.Await(s.Key, slow, func(r witness.Run) bool { return r.Alive() && r.Start.After(gone.Gone) })
	s.Figure("liveness-failed-main-gone-to-running-again", again.Start.Sub(gone.Gone))
	after := s.AwaitHolder(s.Key, pod, 5*time.Second)
	if after.Token <= before.Token {
		t.Errorf("UNSAFE: the container that was restarted runs under token %d, and the one before it ran under %d", after.Token, before.Token)
	}
	if how := cameToHold(s, pod); how != "free" {
		t.Errorf("the container that was restarted came to the lock as %s: it was not released", how)
	}
	pod.WaitReady(slow)
}
