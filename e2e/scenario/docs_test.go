//go:build linux

package scenario_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"sigs.k8s.io/yaml"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/render"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// example is a block of the documents, installed as a release of its own.
type example struct {
	render.Example

	release string
	values  kube.Values
}

// documented are the values that the documents show, of images that are here. What is
// changed: the object's name, the key, the Secret, the gate's image and the ttl where none is given.
func documented(s *scenario.Scenario) (all []example) {
	s.Helper()
	blocks, err := render.Examples("../..")
	if err != nil {
		s.Fatal(err)
	}
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
		all = append(all, e)
	}
	return all
}

// What the documents show runs as it stands: each Deployment rolls out, and each Job and each run has its lock.
func TestDocumentedValuesRun(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 30 * time.Second, Unwitnessed: true})
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
		if kind := e.values["kind"]; kind == nil || kind == "Deployment" {
			s.A.WaitRollout(e.release, slow)
		}
		hasHadItsLock(s, e)
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
