//go:build linux

package scenario_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/faultproxy"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// A release that was installed, tested, upgraded, rolled back and uninstalled
// has left nothing, of no kind that the API knows, but its lock document.
func TestHygieneHelmLeavesNothing(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name   string
		values kube.Values
		// start has the workload run once more.
		start func(*scenario.Scenario, time.Time)
		ended func(mongolock.Info) bool
	}{
		{"deployment", kube.Values{ // with all that the chart has
			"databaseUri": "URI",
			"ports":       []any{map[string]any{"name": "http", "containerPort": 8080}},
			"service":     kube.Values{"enabled": true}, "podDisruptionBudget": kube.Values{"enabled": true},
			"extraObjects": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "further"}}},
			"gate":         kube.Values{"readiness": "candidate", "database": kube.Values{"existingSecret": ""}, "kube": kube.Values{"label": "mongogate.dev/holder", "events": true}},
		}, rollout, free},
		{"statefulset", gated("follow").With(kube.Values{"kind": "StatefulSet", "gate": kube.Values{"key": "{{.Namespace}}/{{.Name}}"}}), rollout, free},
		{"cronjob", kube.Values{"kind": "CronJob", "args": []any{"-for=2s"}, "cronJob": kube.Values{"schedule": "0 0 1 1 *"}}, func(s *scenario.Scenario, at time.Time) {
			s.A.StartRun(scenario.Release, at)
			if outcome := s.A.WaitJob(kube.Scheduled(scenario.Release, at), slow); outcome != "Complete" {
				s.Errorf("the run ended as %s", outcome)
			}
		}, func(i mongolock.Info) bool { return i.State == "done" || i.State == "free" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scenario.New(t, scenario.Opts{})
			if c.values["databaseUri"] != nil {
				c.values["databaseUri"] = s.A.URI
			}
			before := s.A.Inventory()
			minute := time.Now().Truncate(time.Minute).Add(-3 * time.Minute)
			s.A.Install(scenario.Release, c.values)
			c.start(s, minute)
			if err := s.A.HelmTest(scenario.Release); err != nil {
				t.Errorf("helm test: %v", err)
			}
			s.A.Upgrade(scenario.Release, c.values.With(changed))
			c.start(s, minute.Add(time.Minute))
			s.A.Rollback(scenario.Release)
			c.start(s, minute.Add(2*time.Minute))
			if during := s.A.Inventory(); len(during) <= len(before) {
				t.Fatalf("there is nothing to be left: %v", during)
			}
			s.A.Uninstall(scenario.Release)
			s.A.WaitInventory(before, slow)

			locks, err := s.DB.List(t.Context(), s.Name+"/", 0)
			if err != nil || len(locks) == 0 {
				t.Fatalf("lock documents: %v %v", locks, err)
			}
			for _, lock := range locks {
				s.AwaitLock(lock.Key, "ended", 5*time.Second, c.ended)
			}
			for _, key := range s.Witness.Keys(s.Name + "/") {
				s.Await(key, 5*time.Second, func(r witness.Run) bool { return !r.Alive() })
			}
		})
	}
}

func rollout(s *scenario.Scenario, _ time.Time) {
	s.Helper()
	s.A.WaitRollout(scenario.Release, slow)
	s.AwaitRun(s.A.Pod("app.kubernetes.io/name=mongogate,"+app), slow)
}

func free(i mongolock.Info) bool { return i.State == "free" }

// helm test says whether the database can be used from there: it fails when it
// cannot, and then the pod is left to say why.
func TestHygieneHelmTestTells(t *testing.T) {
	s := scenario.New(t, scenario.Opts{})
	s.A.Install(scenario.Release, nil)
	s.AwaitRun(s.A.Pod(app), slow)
	if err := s.A.HelmTest(scenario.Release); err != nil {
		t.Errorf("helm test: %v", err)
	}
	s.A.DB.Cut()
	if err := s.A.HelmTest(scenario.Release); err == nil {
		t.Error("helm test passes without a database")
	}
	test := s.A.Pod("app.kubernetes.io/name=mongogate-test")
	if log, err := test.Logs("mongogate", false); err != nil || !strings.Contains(log, "store") {
		t.Errorf("the test's pod says nothing of the store: %s %v", log, err)
	}
}

// cron are the values of a CronJob in which a thing is changed.
func cron(change kube.Values) kube.Values {
	return kube.Values{"kind": "CronJob", "cronJob": kube.Values{"schedule": "0 3 * * *"}.With(change)}
}

// What the chart refuses leaves nothing behind, and a release that is to become
// that stays as it is, with its workload.
func TestHygieneRefusedLeavesNothing(t *testing.T) {
	rolling := kube.Values{"deployment": kube.Values{"strategy": kube.Values{"type": "RollingUpdate"}}}
	s := scenario.New(t, scenario.Opts{})
	before := s.A.Inventory()
	for _, c := range []struct {
		name   string
		values kube.Values
		want   string
	}{
		{"standby behind a barrier, rolling update", gated("sentinel").With(rolling), "the rollout would never finish"},
		{"standby behind a barrier, budget", gated("sentinel").With(kube.Values{"podDisruptionBudget": kube.Values{"enabled": true}}), "a node could not be drained"},
		{"standby behind a barrier, scaler", gated("sentinel").With(kube.Values{"extraObjects": []any{kube.Values{
			"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": kube.Values{"name": "scaler"},
			"spec": kube.Values{"scaleTargetRef": kube.Values{"kind": "Deployment", "name": "refused"}, "maxReplicas": 3},
		}}}), "HorizontalPodAutoscaler"},
		{"postStart under the wrapper", kube.Values{"lifecycle": kube.Values{"postStart": kube.Values{"exec": kube.Values{"command": []any{"/worker"}}}}}, "has lifecycle.postStart"},
		{"init alone", gated("init"), "init alone protects nothing"},
		{"kill with restarts", gated("kill"), "acceptGap"},
		{"one key for a StatefulSet", kube.Values{"kind": "StatefulSet", "replicas": 2, "gate": kube.Values{"key": "{{.Namespace}}/{{.Name}}"}}, "is one key for all 2 pods"},
		{"CronJob without a zone", cron(kube.Values{"timeZone": nil}), "timeZone is missing"},
		{"CronJob without a deadline", cron(kube.Values{"startingDeadlineSeconds": nil}), "startingDeadlineSeconds is missing"},
		{"CronJob by intervals", cron(kube.Values{"schedule": "@every 5m"}), "no two clusters mean the same run"},
		{"Replace with noOverlap", cron(kube.Values{"concurrencyPolicy": "Replace"}).With(kube.Values{"gate": kube.Values{"noOverlap": true}}), "concurrencyPolicy: Replace with noOverlap"},
		{"parallel Job, one key", kube.Values{"kind": "Job", "job": kube.Values{"parallelism": 2, "completions": 2}}, "2 pods of one Job under one key"},
		{"what the schema does not know", kube.Values{"gate": kube.Values{"protection": "hope"}}, "protection"},
	} {
		if err := s.A.TryInstall("refused", c.values); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; it is to say %q", c.name, err, c.want)
		}
	}
	s.A.WaitInventory(before, slow)

	s.A.Install(scenario.Release, nil)
	pod := s.A.Pod(app)
	run := s.AwaitRun(pod, slow)
	pod.WaitReady(slow)
	before = s.A.Inventory()
	if err := s.A.TryUpgrade(scenario.Release, rolling); err == nil || !strings.Contains(err.Error(), "the rollout would never finish") {
		t.Errorf("upgrade: %v", err)
	}
	s.A.WaitInventory(before, slow)
	upgraded := time.Now()
	s.Await(s.Key, slow, func(r witness.Run) bool { return r.Start.Equal(run.Start) && r.Seen.After(upgraded) })
}

// Two clusters that share nothing but the database have pods of the same
// namespace and name. Neither takes the other's lease for its own, and a pod that
// replaces one of its very name does not either.
func TestHygieneEqualNames(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: lossTTL}, kube.Values{"kind": "StatefulSet", "gate": kube.Values{"key": "{{.Namespace}}/{{.Name}}"}})
	if p.a.Name != p.b.Name || p.a.Namespace != p.b.Namespace {
		t.Fatalf("%s/%s and %s/%s: their names are to be equal", p.a.Namespace, p.a.Name, p.b.Namespace, p.b.Name)
	}
	frozen := time.Now()
	p.a.Signal(kube.Gate, syscall.SIGSTOP)
	gone := p.lost("gate-frozen", "equal-names", frozen)
	next := p.AwaitRun(p.b, p.TakenOver())
	p.woken(gone, next)

	p.a.ForceDelete()
	again := p.A.Pod(app, p.a)
	if again.Name != p.b.Name {
		t.Fatalf("%s is to replace %s", again.Name, p.a.Name)
	}
	again.WaitLog("main", "waiting for the lock", slow)
	holder := p.AwaitHolder(p.Key, p.b, 5*time.Second)
	if holder.Holder.Cluster != p.B.Name {
		t.Errorf("the lock is said to be held in %s", holder.Where())
	}
	if runs := p.Runs(); len(runs) != 2 {
		t.Errorf("UNSAFE: only b was to run: %v", runs)
	}
}

// A new connection string in the Secret is taken up by the gate that holds and
// by the one that waits: when the old way to the database is closed, nothing is
// lost, and the one that waited has its turn.
func TestHygieneSecretRotated(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, protection := range []string{"run", "follow"} {
		t.Run(protection, func(t *testing.T) {
			// Nearly all of it is the kubelets' time.
			p := inTwo(t, scenario.Opts{Background: true, TTL: lossTTL}, gated(protection))
			before := p.AwaitHolder(p.Key, p.a, 5*time.Second)
			old := []*faultproxy.Proxy{p.A.DB, p.B.DB}
			rotated := time.Now()
			p.A.UseDatabase(p.DB) // through another proxy
			p.B.UseDatabase(p.DB)
			for _, pod := range []*kube.Pod{p.a, p.b} {
				pod.Nudge()
				pod.WaitLog(gateOf(pod), "the credentials have changed: the new ones are in use", slow)
			}
			p.Figure("secret-changed-to-in-use-by-both-"+protection, time.Since(rotated))
			for _, proxy := range old {
				proxy.Cut()
			}
			staysHeld(p.Scenario, p.a, p.first, before)

			p.A.Scale(scenario.Release, 0)
			gone := p.AwaitGone(p.first, slow)
			if next := p.AwaitRun(p.b, slow); next.Start.Before(gone.Gone) || cameToHold(p.Scenario, p.b) != "free" {
				t.Errorf("after %v: %v, whose lock was %s", gone, next, cameToHold(p.Scenario, p.b))
			}
		})
	}
}

// Gates of this and the previous version share a key: one hands over to the
// other, both ways.
func TestHygienePreviousVersion(t *testing.T) {
	scenario.New(t, scenario.Opts{Unwitnessed: true}).SkipFor("there is no release before the first")
}
