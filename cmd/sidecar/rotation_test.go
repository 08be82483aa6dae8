//go:build linux

package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// secretDir is a Secret as the kubelet mounts it.
type secretDir struct {
	t   *testing.T
	dir string
}

func newSecretDir(t *testing.T, uri string) secretDir {
	t.Helper()
	s := secretDir{t, t.TempDir()}
	must.Do(t, os.Symlink("..data/uri", s.file()))
	s.put(uri)
	return s
}

func (s secretDir) file() string { return filepath.Join(s.dir, "uri") }

// put swaps the directory that the name leads to, in one step.
func (s secretDir) put(uri string) {
	s.t.Helper()
	next := must.Get(os.MkdirTemp(s.dir, ".."))(s.t)
	link := filepath.Join(s.dir, "..data_tmp")
	must.Do(s.t, errors.Join(
		os.WriteFile(filepath.Join(next, "uri"), []byte(uri+"\n"), 0o600),
		os.Symlink(filepath.Base(next), link), os.Rename(link, filepath.Join(s.dir, "..data")),
	))
}

// users makes and drops users of a server, as root.
type users struct {
	t      *testing.T
	server *devdb.Server
	admin  *mongo.Database
}

func usersOf(t *testing.T, server *devdb.Server) users {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI).SetTimeout(10 * time.Second))
	if err != nil {
		t.Fatal("connecting as root") // the error may have the password
	}
	t.Cleanup(func() { must.Do(t, client.Disconnect(context.Background())) })
	return users{t, server, client.Database("admin")}
}

func (u users) run(command ...bson.E) {
	u.t.Helper()
	must.Do(u.t, u.admin.RunCommand(u.t.Context(), bson.D(command)).Err())
}

func (u users) add(name, role string) (uri string) {
	u.run(bson.E{Key: "createUser", Value: name}, bson.E{Key: "pwd", Value: "right-" + canary}, bson.E{Key: "roles", Value: bson.A{role}})
	at, err := url.Parse(u.server.URI)
	if err != nil {
		u.t.Fatal("the server's URI")
	}
	at.User = url.UserPassword(name, "right-"+canary)
	return at.String()
}

// drop takes a user away, and cuts off what it has open: some servers let those go on for a while.
func (u users) drop(name string) {
	u.run(bson.E{Key: "dropUser", Value: name})
	must.Do(u.t, u.server.Restart(u.t.Context()))
}

// renewals is how often a gate has said that it renewed.
func (r *running) renewals(t *testing.T) int { return strings.Count(r.said(t), "renewed") }

// TestSecretIsRotated: the file changes under a gate that holds the lock and one that waits for it.
func TestSecretIsRotated(t *testing.T) {
	u, first := signIn(t)
	secret := newSecretDir(t, first)
	dir := t.TempDir()
	start := func(name string) *running {
		return startGate(t, []string{
			"MONGOGATE_URI_FILE=" + secret.file(), "MONGOGATE_KEY=rotated", "MONGOGATE_OWNER=" + name, "MONGOGATE_STATE_DIR=" + filepath.Join(dir, name),
			"MONGOGATE_LOG_LEVEL=debug", "MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_OPERATION_TIMEOUT=3s",
			"MONGOGATE_METRICS_ADDRESS=unix:" + filepath.Join(dir, name+".sock"),
		}, false, "run", "--", "sleep", "300")
	}
	holder := start("holder")
	holder.await(t, "gate open")
	standby := start("standby")
	standby.await(t, "waiting for the lock")
	gates := []*running{holder, standby}
	renews := func(after string) {
		t.Helper()
		before := holder.renewals(t)
		must.Happen(t, "two renewals after "+after, func() bool { return holder.renewals(t) >= before+2 })
	}

	// What cannot be used is not used.
	for why, uri := range map[string]string{
		"no connection string": "u:" + canary + "@h",
		"write concern":        first + "&w=1",
		"wrong password":       strings.Replace(first, "right-"+canary, "wrong-"+canary, 1),
		"a reader":             u.add("reader", "readAnyDatabase"),
		"another store":        rig.server.URI,
	} {
		before := strings.Count(holder.said(t), "the old ones stay in use")
		secret.put(uri)
		must.Happen(t, "a complaint about "+why, func() bool { return strings.Count(holder.said(t), "the old ones stay in use") > before })
		renews(why)
	}
	if metrics := ask(t, filepath.Join(dir, "holder.sock"), "/metrics"); strings.Contains(metrics, `mongogate_rotations_total{outcome="refused"} 0`) || !strings.Contains(metrics, `mongogate_rotations_total{outcome="taken"} 0`) {
		t.Errorf("metrics of what was refused: %s", metrics)
	}

	// The new user is there before the old one goes.
	secret.put(u.add("second", "root"))
	for _, g := range gates {
		g.await(t, "the new ones are in use")
	}
	u.drop("gate")
	renews("the first user was dropped")

	// The old user goes before the new one is there.
	failures := func() int { return strings.Count(holder.said(t), "the store did not acknowledge") }
	before := failures()
	u.drop("second")
	must.Happen(t, "three renewals that are refused", func() bool { return failures() >= before+3 })
	standby.await(t, "waiting for new ones")
	third := u.add("third", "root")
	secret.put(third)
	for _, g := range gates {
		must.Happen(t, "the second change", func() bool { return strings.Count(g.said(t), "the new ones are in use") == 2 })
	}
	renews("the second user was dropped")

	// What was acquired as the first user is given back as the third, to one who waited as all of them.
	holder.stop(t)
	standby.await(t, "gate open")
	if metrics := ask(t, filepath.Join(dir, "standby.sock"), "/metrics"); !strings.Contains(metrics, `mongogate_rotations_total{outcome="taken"} 2`) {
		t.Errorf("metrics of what was taken: %s", metrics)
	}
	standby.stop(t)
	for _, g := range gates {
		noCanary(t, "the log", g.said(t))
		if said := g.said(t); strings.Contains(said, "lock lost") || !strings.Contains(said, "lease ended") {
			t.Error("lost, or not given back")
		}
	}
	noCanaryIn(t, dir)
}

// TestAuthorityIsRotated: --tls-ca-file vouches for the server, and is read again.
func TestAuthorityIsRotated(t *testing.T) {
	server := devdbtest.Start(t, devdb.TLS)
	at := must.Get(url.Parse(server.URI))(t)
	q := at.Query()
	if !q.Has("tlsCAFile") {
		t.Skip("the server's certificate needs no authority of its own")
	}
	authority := must.Get(os.ReadFile(q.Get("tlsCAFile")))(t)
	q.Del("tlsCAFile")
	q.Del("tls")
	at.RawQuery = q.Encode()
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.crt")
	put := func(pem string) {
		t.Helper()
		must.Do(t, errors.Join(os.WriteFile(file+".new", []byte(pem), 0o600), os.Rename(file+".new", file)))
	}
	put(string(authority))
	g := startGate(t, []string{
		"MONGOGATE_URI=" + at.String(), "MONGOGATE_TLS_CA_FILE=" + file, "MONGOGATE_KEY=authority", "MONGOGATE_STATE_DIR=" + filepath.Join(dir, "state"),
		"MONGOGATE_LOG_LEVEL=debug", "MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_OPERATION_TIMEOUT=3s",
	}, false, "run", "--", "sleep", "300")
	g.await(t, "gate open")
	put("no certificate")
	g.await(t, "the old ones stay in use")
	before := g.renewals(t)
	must.Happen(t, "a renewal", func() bool { return g.renewals(t) > before })
	put("# renewed\n" + string(authority))
	g.await(t, "the new ones are in use")
	before = g.renewals(t)
	must.Happen(t, "a renewal over the new client", func() bool { return g.renewals(t) > before })
	if code, out := builtBinary(t, []string{"MONGOGATE_URI=" + at.String(), "MONGOGATE_TLS_CA_FILE=" + file}, "list"); code != 0 || !strings.Contains(out, "authority") {
		t.Errorf("list: exit code %d: %s", code, out)
	}
}
