//go:build linux

package scenario_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/render"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// example is a block of the documents, installed as a release of its own.
type example struct {
	render.Example

	release string
	values  kube.Values
}

// documented are the values for the chart that the documents show, of images that are here. What is
// changed: the object's name, the key, the Secret, the gate's image, the registry, and the ttl where none is given.
func documented(s *scenario.Scenario) (all []example) {
	s.Helper()
	blocks := must.Get(render.Examples("../.."))(s.T)
	for _, b := range blocks {
		if b.Mark != "render: chart" {
			continue
		}
		e := example{Example: b, release: fmt.Sprintf("d%d", len(all))}
		if err := yaml.Unmarshal([]byte(b.Text), &e.values); err != nil {
			s.Fatalf("%v: %v", b, err)
		}
		image, _ := e.values["image"].(map[string]any)
		set, _ := e.values["statefulSet"].(map[string]any)
		if image["repository"] != "docker.io/library/busybox" || e.values["global"] != nil || set["volumeClaimTemplates"] != nil {
			continue // no such image here, no registry, no storage
		}
		e.values = e.values.With(kube.Values{
			"nameOverride": "", "fullnameOverride": e.release, "image": kube.Values{"registry": ""},
			"gate": kube.Values{"key": "", "database": kube.Values{"existingSecret": kube.URISecret}},
		})
		if e.values["command"] == nil {
			e.values["command"] = nil // which takes the worker's away
		}
		all = append(all, e)
	}
	return all
}

// What the documents show runs: each Deployment rolls out, each Job and each run
// completes, and all have had their locks.
func TestDocumentedValuesRun(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 30 * time.Second, Unwitnessed: true, Kubernetes: scenario.RestartsInPlace})
	all := documented(s)
	if len(all) < 18 {
		t.Fatalf("only %d blocks can be run here", len(all))
	}
	minute := time.Now().UTC().Truncate(time.Minute)
	for _, e := range all {
		t.Logf("%s is %v", e.release, e)
		if e.values["kind"] == "CronJob" {
			e.values = e.values.With(kube.Values{"cronJob": kube.Values{"suspend": true}})
		}
		s.A.Install(e.release, e.values)
		if e.values["kind"] == "CronJob" {
			s.A.StartRun(e.release, minute)
		}
	}
	for _, e := range all {
		hasHadItsLock(s, e)
		job := e.release
		switch e.values["kind"] {
		case nil, "Deployment":
			s.A.WaitRollout(e.release, slow)
			continue
		case "CronJob":
			job = kube.Scheduled(e.release, minute)
		case "StatefulSet":
			continue
		}
		if strings.Contains(e.Text, "sleep 400") {
			t.Logf("%v is not waited for: its command takes longer than a scenario may", e)
		} else if got := s.A.WaitJob(job, slow); got != batchv1.JobComplete {
			t.Errorf("%v: Job %s ended as %s", e, job, got)
		}
	}
}

// hasHadItsLock waits until a lock of a release is held, or its run is done.
func hasHadItsLock(s *scenario.Scenario, e example) {
	s.Helper()
	had := func(i mongolock.Info) bool {
		own := i.Key == s.Name+"/"+e.release || strings.HasPrefix(i.Key, s.Name+"/"+e.release+"#") || strings.HasPrefix(i.Key, s.Name+"/"+e.release+"@")
		return own && i.Token > 0
	}
	s.A.Eventually(e.String()+": a lock of "+e.release+" has been held", slow, func(ctx context.Context) (bool, string) {
		locks, err := s.DB.List(ctx, s.Name+"/", 0)
		return err == nil && slices.ContainsFunc(locks, had), fmt.Sprint(locks, err)
	})
}

// What the chart's notes and the page about outages have people type in a pod:
// it says who holds, and a holder that is asked to give its lock up stops its
// workload first. Where the gate stands beside the workload, in its container.
func TestCommandsByHand(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct{ protection, gate string }{
		{"run", " -- /opt/mongogate/mongogate "},
		{"follow", " -c mongogate -- /mongogate "},
	} {
		t.Run(c.protection, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, gated(c.protection))
			shown := notes(p.Scenario, p.A, scenario.Release)
			for _, command := range []string{"status", "show"} {
				i := slices.IndexFunc(shown, func(line string) bool {
					return strings.Contains(line, " exec ") && strings.HasSuffix(line, c.gate+command)
				})
				if i < 0 {
					t.Fatalf("the notes tell nobody to ask for the %s: %q", command, shown)
				}
				execLine(p.Scenario, p.A, shown[i], p.Key, "held", p.a.Name)
			}
			execLine(p.Scenario, p.A, "kubectl -n team exec deployment/"+scenario.Release+c.gate+"doctor", p.Key, "protection") // troubleshooting.md
			// The one that waits asks, about the other.
			byHand := read(p.Scenario, "docs/kubernetes/outage.md", "## By hand")
			typed := strings.NewReplacer("deployment/worker", "deployment/"+scenario.Release, " -- /opt/mongogate/mongogate ", c.gate)
			do := func(line string, says ...string) {
				t.Helper()
				byHand.line(line)
				execLine(p.Scenario, p.B, typed.Replace(line), says...)
			}
			do("kubectl -n team exec deployment/worker -- /opt/mongogate/mongogate status", p.Key, "held", p.a.Name, "unless it is renewed")
			do("kubectl -n team exec deployment/worker -- /opt/mongogate/mongogate history", p.a.Name)
			asked := time.Now()
			do("kubectl -n team exec deployment/worker -- /opt/mongogate/mongogate force-release", p.a.Name, "has been asked to give")
			byHand.end()

			gone := p.AwaitGone(p.first, p.Timing.TTL)
			p.Figure("force-release-to-main-gone-"+c.protection, gone.Gone.Sub(asked))
			p.a.WaitLog(gateOf(p.a), "an operator revoked it", slow)
			next := p.Await(p.Key, slow, func(r witness.Run) bool { return r.Alive() && r.Start.After(gone.Gone) }) // whichever is first
			history := p.Lock(p.Key).History
			if len(history) != 2 || history[1].How != "free" {
				t.Errorf("%v, then %v: the lock was not given back: %+v", gone, next, history)
			}
		})
	}
}

// What force-release --now is for: the holder is gone and has given nothing
// back, somebody knows that, and nobody waits for its lease.
func TestCommandsByHandFreeALockAtOnce(t *testing.T) {
	p := against(t, scenario.Opts{TTL: time.Minute}, once(gated("run")))
	crashed := crash(t, p.a)
	p.AwaitGone(p.first, p.Timing.TTL)
	execLine(p.Scenario, p.B, "kubectl -n team exec deployment/w -- /opt/mongogate/mongogate force-release --now --yes", "is free")
	next := p.AwaitRun(p.b, slow)
	p.Figure("crashed-to-successor-running-after-force-release-now", next.Start.Sub(crashed))
	if waited := next.Start.Sub(crashed); waited > p.Timing.TTL-p.Timing.Heartbeat {
		t.Errorf("ran %v after the crash: no sooner than if nobody had freed the lock", waited)
	}
}

// notes are the lines that Helm has shown to whoever installed a release, as it keeps them.
func notes(s *scenario.Scenario, space *kube.Space, release string) []string {
	s.Helper()
	secret := must.Get(space.Typed.CoreV1().Secrets(space.Namespace).Get(s.Context(), "sh.helm.release.v1."+release+".v1", metav1.GetOptions{}))(s.T)
	packed := must.Get(gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(secret.Data["release"]))))(s.T)
	var kept struct{ Info struct{ Notes string } }
	must.Do(s.T, json.NewDecoder(packed).Decode(&kept))
	return strings.Split(kept.Info.Notes, "\n")
}
