//go:build linux

package scenario_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// Each sample of config/samples comes up, in a namespace that enforces restricted,
// and has its lock: Deployments and StatefulSets get ready, Jobs complete, and of each
// CronJob one run that is started by hand. Only the namespace and the gate's image are others.
func TestSamplesRun(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 30 * time.Second, Unwitnessed: true, Kubernetes: scenario.RestartsInPlace})
	samples, err := filepath.Glob("../../config/samples/*/kustomization.yaml")
	if err != nil || len(samples) < 14 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	repository, tag := s.Lab.Image[:strings.LastIndex(s.Lab.Image, ":")], s.Lab.Image[strings.LastIndex(s.Lab.Image, ":")+1:]
	image := fmt.Sprintf("images: [{name: docker.io/mongogate/mongogate, newName: %s, newTag: %q}]", repository, tag)
	minute := time.Now().UTC().Truncate(time.Minute)
	for _, file := range samples {
		name := filepath.Base(filepath.Dir(file))
		s.A.Kustomize("config/samples/"+name, image)
		if kindOf(t, file) == "CronJob" {
			s.A.Suspend(name, true)
			s.A.StartRun(name, minute)
		}
	}
	for _, file := range samples {
		name := filepath.Base(filepath.Dir(file))
		switch kindOf(t, file) {
		case "Job":
			completes(s, name)
		case "CronJob":
			completes(s, kube.Scheduled(name, minute))
		case "Deployment":
			s.A.WaitRollout(name, slow)
		default:
			s.A.Eventually("both pods of "+name, slow, func(context.Context) (bool, string) {
				pods := s.A.Pods("app.kubernetes.io/name=" + name)
				return len(pods) == 2, fmt.Sprint(len(pods))
			})
			for _, pod := range s.A.Pods("app.kubernetes.io/name=" + name) {
				pod.WaitReady(slow)
			}
		}
		s.A.Eventually("a lock of "+name+" has been held", slow, func(ctx context.Context) (bool, string) {
			locks, err := s.DB.List(ctx, s.Name+"/"+name, 0)
			return err == nil && slices.ContainsFunc(locks, func(i mongolock.Info) bool { return i.Token > 0 }), fmt.Sprint(locks, err)
		})
	}
}

func completes(s *scenario.Scenario, job string) {
	s.Helper()
	if got := s.A.WaitJob(job, slow); got != batchv1.JobComplete {
		s.Errorf("Job %s ended as %s", job, got)
	}
}

// kindOf is the kind of a sample's workload.
func kindOf(t *testing.T, kustomization string) string {
	t.Helper()
	text := must.Get(os.ReadFile(filepath.Join(filepath.Dir(kustomization), "workload.yaml")))(t)
	for _, kind := range []string{"CronJob", "Job", "Deployment", "StatefulSet"} {
		if strings.Contains(string(text), "\nkind: "+kind+"\n") || strings.HasPrefix(string(text), "kind: "+kind+"\n") {
			return kind
		}
	}
	t.Fatalf("%s: no kind that is known", kustomization)
	return ""
}
