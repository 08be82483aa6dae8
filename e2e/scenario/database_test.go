//go:build linux

package scenario_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// TLS with an authority of one's own, as the chart mounts it: with the wrong one
// the gate says so and nothing runs; with the right one it does.
func TestDatabaseTLS(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Background: true, TTL: 20 * time.Second})
	front := must.Get(s.DB.Terminate(s.A.DB.Addr()))(t)
	t.Cleanup(func() { _ = front.Close() })
	s.A.Secret(kube.URISecret, map[string]string{"uri": strings.Replace(s.A.URI, s.A.DB.Addr(), front.Addr, 1)})
	wrong := must.Get(lab.Authority())(t)
	trust(s.A, wrong)
	s.A.Install(scenario.Release, kube.Values{"gate": kube.Values{"caBundle": kube.Values{"configMap": "authority"}}})
	pod := s.A.Pod(app)
	pod.WaitLog("main", "certificate signed by unknown authority", slow)
	if runs := s.Runs(); len(runs) != 0 {
		t.Fatalf("UNSAFE: ran without a database that can be trusted: %v", runs)
	}

	right := time.Now()
	trust(s.A, front.Authority)
	pod.Nudge()
	run := s.AwaitRun(pod, slow)
	if run.Start.Before(right) {
		t.Errorf("UNSAFE: ran before there was a database that can be trusted: %v", run)
	}
	pod.WaitReady(slow)
}

// trust makes a ConfigMap with the certificate of an authority.
func trust(space *kube.Space, authority string) {
	text, _ := json.Marshal(authority)
	space.Apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: authority}\ndata: {ca.crt: ${CA}}\n", "${CA}", string(text))
}

// A user that may find, insert and update and nothing else is enough, and its
// password can be replaced while main runs. No log has either of them.
func TestDatabaseSignInAndRotation(t *testing.T) {
	s := scenario.New(t, scenario.Opts{Background: true, TTL: 30 * time.Second})
	s.UseDatabase(devdb.Options{Kind: devdb.Secantus, Need: devdb.Auth})
	if missing := s.DB.Server.Missing(devdb.Auth); missing != nil {
		s.SkipFor(s.DB.Server.Name + " has no sign-in")
	}
	const collection = mongolock.DefaultCollection
	root := func(command bson.D) {
		t.Helper()
		must.Do(t, s.DB.Run(t.Context(), nil, mongolock.DefaultDatabase, command))
	}
	root(bson.D{{Key: "create", Value: collection}})
	root(bson.D{{Key: "createRole", Value: "mongogate"}, {Key: "roles", Value: bson.A{}}, {Key: "privileges", Value: bson.A{bson.D{
		{Key: "resource", Value: bson.D{{Key: "db", Value: mongolock.DefaultDatabase}, {Key: "collection", Value: collection}}},
		{Key: "actions", Value: bson.A{"find", "insert", "update"}},
	}}}})
	// Two users, so that the old password holds until the new one is in use everywhere.
	first, second := lab.User{Name: "first", Password: "f1rst/p@ss%word", Source: mongolock.DefaultDatabase}, lab.User{Name: "second", Password: "s3cond:p@ss%word", Source: mongolock.DefaultDatabase}
	give := func(u lab.User) {
		t.Helper()
		root(bson.D{{Key: "createUser", Value: u.Name}, {Key: "pwd", Value: u.Password}, {Key: "roles", Value: bson.A{"mongogate"}}})
		uri := must.Get(u.As(s.A.URI))(t)
		s.A.Secret(kube.URISecret, map[string]string{"uri": uri})
	}
	give(first)
	s.A.Install(scenario.Release, nil)
	pod := s.A.Pod(app)
	run := s.AwaitRun(pod, slow)
	before := s.AwaitHolder(s.Key, pod, 5*time.Second)
	if said, err := pod.Exec("main", "/opt/mongogate/mongogate", "doctor"); err != nil {
		t.Errorf("doctor: %v\n%s", err, said)
	}
	if err := s.DB.Run(t.Context(), &first, mongolock.DefaultDatabase, bson.D{{Key: "delete", Value: collection}, {Key: "deletes", Value: bson.A{
		bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: "nothing"}}}, {Key: "limit", Value: 1}},
	}}}); err == nil || !strings.Contains(strings.ToLower(err.Error()), "not authorized") {
		t.Errorf("the gate's user may remove documents: %v", err)
	}

	give(second)
	pod.Nudge()
	pod.WaitLog("main", "the credentials have changed: the new ones are in use", slow)
	root(bson.D{{Key: "dropUser", Value: first.Name}})
	s.A.DB.Cut() // what was signed in stays signed in
	s.A.DB.Heal()
	staysHeld(s, pod, run, before)
	log := must.Get(pod.Logs("main", false))(t)
	for _, u := range []lab.User{first, second} {
		if strings.Contains(log, u.Password) || strings.Contains(log, "p%40ss%25word") {
			t.Errorf("the password of %s is in the log", u.Name)
		}
	}
}

// staysHeld waits until a lease was renewed for longer than it lives, and fails
// the test if it is not the same lease, or not the same main.
func staysHeld(s *scenario.Scenario, pod *kube.Pod, run witness.Run, before mongolock.Info) {
	s.Helper()
	since := s.Lock(s.Key).Touched
	after := s.AwaitLock(s.Key, "renewed for longer than the ttl", slow, func(i mongolock.Info) bool {
		return i.Touched.Sub(since) > s.Timing.TTL+s.Timing.Grace
	})
	if after.State != "held" || after.Token != before.Token || after.Holder.PodUID != string(pod.UID) {
		s.Errorf("the lease was lost: token %d, was %d; %s by %s", after.Token, before.Token, after.State, after.Where())
	}
	if runs := s.Runs(); len(runs) != 1 || !runs[0].Alive() || !runs[0].Start.Equal(run.Start) {
		s.Errorf("main was to run on: %v", runs)
	}
}

// What no database here can show, by name.

// A role for one collection of several keeps a gate out of the others.
func TestDatabaseRolePerCollection(t *testing.T) {
	scenario.New(t, scenario.Opts{Unwitnessed: true}).SkipFor("SecantusDB checks roles per database, MongoDB's engine has no sign-in")
}

// A lease outlives an election.
func TestDatabaseElection(t *testing.T) {
	scenario.New(t, scenario.Opts{Unwitnessed: true}).SkipFor("a majority that can be lost needs three members that pods reach; there is one, behind a proxy")
}
