//go:build linux

package scenario_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// Two gates in one pod, each with a key, a state directory and a container of
// its own: what is taken from one does not touch the other.
func TestPodsTwoGates(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 20 * time.Second})
	one, two := s.Name+"/one", s.Name+"/two"
	release := s.HoldLock(one)
	// Containers of a pod share their ports, so the second gate answers probes at another.
	gate := kube.Values{"one": s.A.Base["gate"], "two": s.A.Base["gate"]}.With(kube.Values{"two": kube.Values{"probes": kube.Values{"port": 29027}}})
	s.A.InstallChart("e2e/scenario/testdata/two-gates", "pair", gate.With(kube.Values{"image": s.Lab.WorkerImage, "key": s.Name, "cluster": s.A.Name}))
	pod := s.A.Pod("app=pair")
	s.AwaitHolder(two, pod, slow)
	pod.WaitLog("mongogate-one", "waiting for the lock", slow)
	if runs := append(s.Witness.Runs(one), s.Witness.Runs(two)...); len(runs) != 0 {
		t.Errorf("UNSAFE: the pod was to wait for both of its locks: %v", runs)
	}

	release()
	first, other := s.Await(one, slow, witness.Run.Alive), s.Await(two, slow, witness.Run.Alive)
	before := s.AwaitHolder(two, pod, slow)
	must.Get(s.DB.Revoke(t.Context(), one))(t)
	gone := s.AwaitGone(first, s.Timing.TTL+slow)
	s.Await(one, slow, func(r witness.Run) bool { return r.First.After(gone.Gone) })
	if after := s.AwaitHolder(two, pod, slow); after.Token != before.Token {
		t.Errorf("the other lock was lost too: token %d, was %d", after.Token, before.Token)
	}
	if runs := s.Witness.Runs(two); len(runs) != 1 || !runs[0].Alive() || runs[0].First != other.First {
		t.Errorf("the other container was stopped too: %v", runs)
	}
	hardened(s, pod)
}

// A user whom nobody knew when the values were written, as OpenShift assigns
// one, in pods that PodSecurity calls restricted and that can write nothing but
// their volumes: every way to gate holds main, and stops it.
func TestPodsArbitraryUser(t *testing.T) {
	const user = 1234567
	s := scenario.New(t, scenario.Opts{TTL: restartTTL, Kubernetes: scenario.RestartsInPlace})
	s.A.AssignUser(user)
	anybody := kube.Values{"podSecurityContext": kube.Values{"runAsUser": nil, "runAsGroup": nil, "fsGroup": nil}}
	ways := map[string]kube.Values{
		"run":      gated("run"),
		"follow":   gated("follow"),
		"restart":  restarting,
		"kill":     once(gated("kill")),
		"sentinel": gated("sentinel", kube.Values{"init": kube.Values{"enabled": true}}).With(kube.Values{"args": []any{"-obey=/run/mongogate/lost"}}),
	}
	for name, values := range ways {
		key := []any{kube.Values{"name": witness.EnvKey, "value": s.Name + "/" + name}}
		s.A.Install(name, values.With(anybody).With(kube.Values{"env": key}))
	}
	running := map[string]witness.Run{}
	for name := range ways {
		running[name] = s.Await(s.Name+"/"+name, slow, witness.Run.Alive)
		pod := s.A.Pod("app.kubernetes.io/instance=" + name)
		for _, role := range []kube.Role{kube.Gate, kube.Guard, kube.Main} {
			for _, p := range pod.Processes(role) {
				if uid, err := p.UID(); err != nil || uid != user {
					t.Errorf("%s: process %d (%s) is of user %d, not %d: %v", name, p.PID, p.Comm, uid, user, err)
				}
			}
		}
		hardened(s, pod)
	}

	s.A.DB.Freeze()
	for name, run := range running {
		gone := s.AwaitGone(run, s.Timing.TTL+slow)
		s.Logf("%s: main is gone: %v", name, gone)
	}
}

// hardened fails the test if a container of a pod could do more than restricted
// allows, or write where it was started, or has a token for the API. What the API
// says is what was asked for; what the kernel says is what there is.
func hardened(s *scenario.Scenario, pod *kube.Pod) {
	s.Helper()
	if auto := pod.Spec.AutomountServiceAccountToken; auto == nil || *auto {
		s.Errorf("pod %s is given a token", pod.Name)
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		sc := c.SecurityContext
		if sc == nil || sc.ReadOnlyRootFilesystem == nil || !*sc.ReadOnlyRootFilesystem || sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation ||
			sc.Capabilities == nil || !slices.Contains(sc.Capabilities.Drop, corev1.Capability("ALL")) {
			s.Errorf("container %s of pod %s: %+v", c.Name, pod.Name, sc)
		}
	}
	seen := 0
	for _, role := range []kube.Role{kube.Gate, kube.Main} {
		for _, p := range pod.Processes(role) {
			seen++
			if !readOnlyRoot(s, p) {
				s.Errorf("process %d (%s) of pod %s can write to its root", p.PID, p.Comm, pod.Name)
			}
		}
	}
	if seen < 2 {
		s.Errorf("pod %s has %d processes: a gate and a workload were to be judged", pod.Name, seen)
	}
}

// readOnlyRoot reads the options of the mount at / in /proc/PID/mountinfo: proc(5).
func readOnlyRoot(s *scenario.Scenario, p proctree.Process) bool {
	s.Helper()
	text := must.Get(os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/mountinfo"))(s.T)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 5 && f[4] == "/" {
			return slices.Contains(strings.Split(f[5], ","), "ro")
		}
	}
	return false
}
