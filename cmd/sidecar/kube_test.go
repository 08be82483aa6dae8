//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/test/kubetest"
	"github.com/mongogate/mongogate/test/must"
)

const holderLabel = "mongogate.dev/holder"

// cluster is an API server with a gate's pod.
type cluster struct {
	*kubetest.Server
	name     string
	database string
	env      []string
}

// newCluster starts one. Clusters of one test share a database.
func newCluster(t *testing.T, name string) cluster {
	t.Helper()
	pod := "orders-" + name
	c := cluster{Server: kubetest.Start(t, pod, "uid-"+name), name: name, database: "kube_" + strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())}
	t.Cleanup(func() { dropDatabase(t, c.database) })
	c.env = []string{
		"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=" + c.database, "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + t.TempDir(),
		"MONGOGATE_TTL=12s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_POLL_INTERVAL=100ms", "MONGOGATE_PROBE_ADDRESS=none", "MONGOGATE_LOG_LEVEL=debug",
		"KUBERNETES_SERVICE_HOST=" + c.Host, "KUBERNETES_SERVICE_PORT=" + c.Port,
		"POD_NAME=" + pod, "POD_NAMESPACE=" + kubetest.Namespace, "POD_UID=uid-" + name, "NODE_NAME=node", "MONGOGATE_CLUSTER=" + name,
	}
	return c
}

func (c cluster) with(env ...string) []string { return append(slices.Clone(c.env), env...) }

// holds says whether the store has the key as held.
func (c cluster) holds(t *testing.T, key string) bool {
	t.Helper()
	err := rig.client.Database(c.database).Collection("lock").FindOne(t.Context(), map[string]any{"_id": key, "state": "held"}).Err()
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		t.Error(err)
	}
	return err == nil
}

func (c cluster) has(t *testing.T, kind string, reasons ...string) {
	t.Helper()
	must.Happen(t, fmt.Sprint(kind, " has ", reasons), func() bool { return slices.Equal(c.Reasons(kind), reasons) })
}

// said is what the events of a reason say.
func (c cluster) said(reason string) string {
	var all []string
	for _, e := range c.Events() {
		if e.Reason == reason {
			all = append(all, e.Message)
		}
	}
	return strings.Join(all, "\n")
}

// on is what a call of a gate is told: f sees each call and its body, and answers it if it is true.
func (c cluster) on(f func(w http.ResponseWriter, r *http.Request, body string) bool) {
	c.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return true
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		return f(w, r, string(b))
	})
}

// unlabels tells the patch that takes the label off.
func unlabels(r *http.Request, body string) bool {
	return r.Method == http.MethodPatch && strings.Contains(body, `"`+holderLabel+`":null`)
}

// A run from its start to its end: the label of a gate that was killed is taken off, ours is there while the lock is held, and off before that is given back.
func TestKubeLabelAndEvents(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "a")
	c.SetLabel(holderLabel, "true")
	var mu sync.Mutex
	var held []bool // at each time that the label was taken off
	c.on(func(_ http.ResponseWriter, r *http.Request, body string) bool {
		if unlabels(r, body) {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(500 * time.Millisecond) // an API that takes its time
			held = append(held, c.holds(t, "k"))
			c.SetLabel(holderLabel, "") // before anybody looks
		}
		return false
	})
	end := filepath.Join(t.TempDir(), "end")
	g := startGate(t, c.with("MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KUBE_LABEL="+holderLabel), false,
		"run", "--", "sh", "-c", "env; while ! [ -e "+end+" ]; do sleep 0.1; done")
	c.has(t, "Pod", "LockAcquired")
	must.Happen(t, "the old label is off and ours is on", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(held) == 1 && c.Label(holderLabel) == "true"
	})
	must.Do(t, os.WriteFile(end, nil, 0o600))
	g.endsWith(t, 0)
	c.has(t, "Pod", "LockAcquired", "LockReleased")
	if c.Label(holderLabel) != "" || c.holds(t, "k") {
		t.Errorf("label %q, held %v", c.Label(holderLabel), c.holds(t, "k"))
	}
	mu.Lock()
	defer mu.Unlock()
	if len(held) != 2 || !held[1] {
		t.Errorf("held when the label was taken off: %v; want twice, the second time before the release", held)
	}
	if strings.Contains(g.said(t), kubetest.Token) {
		t.Error("the token is in the log or in the command's environment")
	}
}

// One run in two clusters: who does not do it says who did.
func TestKubeSkippedRun(t *testing.T) {
	t.Parallel()
	a, b := newCluster(t, "a"), newCluster(t, "b")
	run := []string{"MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KEY=k@{{.Bucket}}", "MONGOGATE_JOB_NAME=nightly-29921940", "MONGOGATE_RETENTION=3650d", "MONGOGATE_JOB_UID="}
	succeeds(t, a.with(append(run, "MONGOGATE_JOB_UID=job-a", "PATH="+os.Getenv("PATH"))...), "run", "--", "true")
	a.has(t, "Pod", "LockAcquired", "RunDone")
	a.has(t, "Job")
	succeeds(t, b.with(append(run, "MONGOGATE_JOB_UID=job-b", "PATH="+os.Getenv("PATH"))...), "run", "--", "false")
	b.has(t, "Pod", "RunSkipped")
	b.has(t, "Job", "RunSkipped")
	for _, want := range []string{"cluster a", "orders-a"} {
		if !strings.Contains(b.said("RunSkipped"), want) {
			t.Errorf("%q does not name %s", b.said("RunSkipped"), want)
		}
	}
	for _, e := range b.Events() {
		if of := e.InvolvedObject; of.Kind == "Job" && (of.UID != "job-b" || of.Name != "nightly-29921940") {
			t.Errorf("about %+v", of)
		}
	}
}

// A holder that is killed: the next one has waited for it, once, and names whom it has taken over from.
func TestKubeTakeOver(t *testing.T) {
	t.Parallel()
	a, b := newCluster(t, "a"), newCluster(t, "b")
	first := startGate(t, a.with("MONGOGATE_KUBE_EVENTS=true"), false, "sidecar")
	a.has(t, "Pod", "LockAcquired")
	second := startGate(t, b.with("MONGOGATE_KUBE_EVENTS=true"), false, "sidecar")
	b.has(t, "Pod", "LockWaiting")
	first.stop(t) // SIGKILL
	second.await(t, "gate open")
	b.has(t, "Pod", "LockWaiting", "LockTakenOver")
	for _, reason := range []string{"LockWaiting", "LockTakenOver"} {
		if said := b.said(reason); !strings.Contains(said, "cluster a") || !strings.Contains(said, "orders-a") {
			t.Errorf("%s: %q", reason, said)
		}
	}
	a.has(t, "Pod", "LockAcquired")
}

// A loss: the label goes while the workload is still being stopped, and an API that is away holds up nothing.
func TestKubeLoss(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		t.Run(map[bool]string{false: "the API is there", true: "the API is away"}[away], func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "a")
			env := c.with("MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KUBE_LABEL="+holderLabel)
			var alive atomic.Bool // at the time at which the label was taken off
			g := startGate(t, env, false, "run", "--", "sh", "-c", `trap "" TERM; echo up; while :; do sleep 0.05; done`)
			g.await(t, "up\n")
			must.Happen(t, "the label", func() bool { return c.Label(holderLabel) == "true" })
			c.has(t, "Pod", "LockAcquired")
			c.on(func(_ http.ResponseWriter, r *http.Request, body string) bool {
				if unlabels(r, body) && len(g.below(t)) >= 2 {
					alive.Store(true)
				}
				if away {
					<-r.Context().Done()
				}
				return away
			})
			succeeds(t, env, "force-release")
			began := time.Now()
			g.endsWith(t, agent.ExitLost)
			if !alive.Load() {
				t.Error("the label was there until the workload had ended")
			}
			// A heartbeat to learn of it, the kill budget, one operation for the label before the release, 2 s each for label and events at the end.
			if took := time.Since(began); took > must.Patience/2 {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(g.said(t), "SIGKILL") || c.holds(t, "k") {
				t.Errorf("held after the end: %v", c.holds(t, "k"))
			}
			if !away {
				c.has(t, "Pod", "LockAcquired", "LockLost", "LockReleased")
				if c.Label(holderLabel) != "" {
					t.Error("the label is still there")
				}
				if !strings.Contains(c.said("LockLost"), "operator") {
					t.Errorf("%q", c.said("LockLost"))
				}
			}
		})
	}
}

const (
	jobSpec        = `{"restartPolicy":"Never","containers":[{"name":"main"}],"initContainers":[{"name":"mongogate","restartPolicy":"Always"}]}`
	deploymentSpec = `{"restartPolicy":"Always","containers":[{"name":"main"}],"initContainers":[{"name":"mongogate","restartPolicy":"Always"}]}`
	mainRuns       = `{"containerStatuses":[{"name":"main","containerID":"c://1","state":{"running":{}}}]}`
	mainEnded      = `{"containerStatuses":[{"name":"main","containerID":"c://1","state":{"terminated":{"exitCode":0,"finishedAt":"2026-11-22T10:00:00Z"}}}]}`
)

func (c cluster) reads() int { return strings.Count(strings.Join(c.Calls(), "\n"), "GET pods") }

// A Job's sidecar that is told to end gives the lock back once the pod's status says that main has ended, and not before.
func TestKubeEvidence(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "a")
	c.SetPod(jobSpec, mainRuns)
	g := startGate(t, c.with("MONGOGATE_KUBE_EVIDENCE=true"), false, "sidecar")
	g.await(t, "gate open")
	g.await(t, `"evidence of the workload's end","evidence":"the pod's own status`)
	must.Do(t, g.Process.Signal(syscall.SIGTERM))
	before := c.reads()
	must.Happen(t, "reads while main runs", func() bool { return c.reads() > before+3 })
	if !c.holds(t, "k") {
		t.Error("given back while main runs")
	}
	c.SetPod(jobSpec, mainEnded)
	g.endsWith(t, 0)
	if c.holds(t, "k") {
		t.Error("the lock was not given back")
	}
}

// What is started again is not gone, though it has ended; and another pod's status is unusable as evidence.
func TestKubeNoEvidence(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(cluster){
		"started again": func(c cluster) { c.SetPod(deploymentSpec, mainEnded) },
		"another pod":   func(c cluster) { c.SetUID("another"); c.SetPod(jobSpec, mainEnded) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "a")
			c.SetPod(deploymentSpec, mainRuns)
			g := startGate(t, c.with("MONGOGATE_KUBE_EVIDENCE=true"), false, "sidecar")
			g.await(t, "gate open")
			must.Happen(t, "the first read", func() bool { return c.reads() > 0 })
			g.await(t, "the pod's status is no evidence")
			change(c)
			before := c.reads()
			g.signal(t, syscall.SIGTERM)
			if name == "another pod" {
				g.await(t, "unusable as evidence")
			} else {
				must.Happen(t, "reads", func() bool { return c.reads() > before+3 })
			}
			renewals := strings.Count(g.said(t), "renewed")
			must.Happen(t, "renewals go on", func() bool { return strings.Count(g.said(t), "renewed") > renewals+2 })
			if !c.holds(t, "k") {
				t.Error("the lock was given back without evidence")
			}
		})
	}
}

// After a loss a gate that can have evidence waits for it; one that cannot leaves, as it does without the setting.
func TestKubeEvidenceAfterALoss(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{jobSpec, deploymentSpec} {
		t.Run(map[bool]string{true: "Job", false: "Deployment"}[spec == jobSpec], func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "a")
			c.SetPod(spec, mainRuns)
			env := c.with("MONGOGATE_KUBE_EVIDENCE=true")
			g := startGate(t, env, false, "sidecar")
			g.await(t, "gate open")
			g.await(t, "the pod's own status is no evidence") // it has been read
			succeeds(t, env, "force-release")
			if spec == jobSpec {
				g.await(t, `"signal":"SIGKILL"`)
				before := c.reads()
				must.Happen(t, "reads while main runs", func() bool { return c.reads() > before+2 })
				c.SetPod(spec, mainEnded)
			}
			g.endsWith(t, agent.ExitLost)
			if held := c.holds(t, "k"); held != (spec != jobSpec) {
				t.Errorf("held after the end: %v", held)
			}
		})
	}
}

// Nothing can be asked of an API that a pod cannot reach: said at once, by name.
func TestKubeIsMissing(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "a")
	for _, mode := range [][]string{{"run", "--", "true"}, {"sidecar"}} {
		args := append([]string{mode[0], "--kube-label=" + holderLabel}, mode[1:]...)
		env := slices.DeleteFunc(c.with(), func(v string) bool {
			return strings.HasPrefix(v, "KUBERNETES_") || strings.HasPrefix(v, "POD_UID")
		})
		code, out := builtBinary(t, env, args...)
		if code != 64 || !strings.Contains(out, "kube-label: KUBERNETES_SERVICE_HOST") || !strings.Contains(out, "kube-label: the pod's UID is not known; set POD_UID") {
			t.Errorf("%s: %d: %s", mode[0], code, out)
		}
		if c.holds(t, "k") {
			t.Error("the lock was taken")
		}
	}
}

// Who does not ask for the API does not reach for it.
func TestKubeIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "a")
	var asked atomic.Bool
	c.Fault(func(http.ResponseWriter, *http.Request) bool { asked.Store(true); return false })
	succeeds(t, c.with("PATH="+os.Getenv("PATH")), "run", "--", "true")
	if asked.Load() {
		t.Error("the API was called")
	}
}

func TestKubeDoctor(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "a")
	c.SetPod(deploymentSpec, mainRuns)
	c.Deny("patch pods")
	env := c.with("MONGOGATE_KUBE_EVENTS=true", "MONGOGATE_KUBE_LABEL="+holderLabel, "MONGOGATE_KUBE_EVIDENCE=true")
	_, out := builtBinary(t, env, "doctor")
	for _, want := range []string{
		"kube-label: the service account may not patch pods; give it the right: patch pods in its own namespace",
		"kube-evidence: container main is started again when it fails: its restart policy is Always",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	if strings.Contains(out, "kube-events: ") {
		t.Errorf("events are allowed:\n%s", out)
	}
	if len(c.Events()) != 0 || slices.Contains(c.Calls(), "PATCH pods") {
		t.Errorf("doctor has changed something: %v", c.Calls())
	}
	code, out := builtBinary(t, slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "KUBERNETES_") }), "doctor")
	if code != agent.ExitFailed || !strings.Contains(out, "KUBERNETES_SERVICE_HOST") {
		t.Errorf("%d: %s", code, out)
	}
}
