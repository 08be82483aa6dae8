//go:build unix

package devdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// program puts a program of a few lines of shell into a directory.
func program(t *testing.T, dir, name, script string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must.Do(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755))
	return path
}

func TestOrderOfChoice(t *testing.T) {
	for _, c := range []struct {
		name        string
		uri, mongod string
		programs    map[string]string
		want        Kind
	}{
		{"nothing is there", "", "", nil, Engine},
		{"Docker does not answer", "", "", map[string]string{"docker": "exit 1"}, Engine},
		{"Docker hangs", "", "", map[string]string{"docker": "exec /bin/sleep 60"}, Engine},
		{"Docker cannot get the image", "", "", map[string]string{"docker": `[ "$1" = info ]`}, Engine},
		{"Docker", "", "", map[string]string{"docker": "exit 0"}, Docker},
		{"mongod on PATH", "", "", map[string]string{"docker": "exit 0", "mongod": ""}, Mongod},
		{"a mongod that is named and not there", "", "/nowhere/mongod", nil, Mongod},
		{"a URI", "mongodb://x", "/nowhere/mongod", map[string]string{"docker": "exit 0", "mongod": ""}, External},
	} {
		dir := t.TempDir()
		for name, script := range c.programs {
			program(t, dir, name, script)
		}
		t.Setenv("PATH", dir)
		t.Setenv(uriVariable, c.uri)
		t.Setenv(mongodVariable, c.mongod)
		if got := choose(t.Context()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestMissingTools: the error names the tool and the way out.
func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("MONGOGATE_CACHE", t.TempDir())
	for kind, tool := range map[Kind]string{Engine: "node", Secantus: "python3", Docker: "docker"} {
		_, err := StartKind(t.Context(), kind, Options{})
		if err == nil || !strings.Contains(err.Error(), tool+" is missing") || !strings.Contains(err.Error(), uriVariable) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := PythonEnv(t.Context()); err == nil || !strings.Contains(err.Error(), "python3 is missing") {
		t.Errorf("PythonEnv: %v", err)
	}
	if _, err := StartKind(t.Context(), "oracle", Options{}); err == nil {
		t.Error("a kind that is none was started")
	}
}

// TestServerOfTheUser is used as it is, and left alone.
func TestServerOfTheUser(t *testing.T) {
	theirs := started(t, Secantus, Options{Need: Auth | TLS})
	t.Setenv(uriVariable, theirs.URI)
	server := must.Get(Start(t.Context(), Auth|TLS|ChangeStreams))(t)
	t.Log(server.Banner())
	if server.Kind != External || server.Features != ChangeStreams|Auth|TLS|FailPoints {
		t.Errorf("%s with %v", server.Kind, server.Features)
	}
	if strings.Contains(server.Banner(), "root") {
		t.Error("the banner tells the URI")
	}
	if err := server.Kill(); !errors.Is(err, ErrNotOurs) {
		t.Errorf("kill: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if !answers(t.Context(), theirs.URI) {
		t.Error("it does not answer any more")
	}

	// What it lacks another server has, if there is Python; else it is told.
	other := must.Get(Start(t.Context(), Restart))(t)
	if other.Kind != Secantus || other.Missing(Restart) != nil {
		t.Errorf("for a restart: %s", other.Banner())
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	same := must.Get(Start(t.Context(), Restart))(t)
	if same.Kind != External || len(same.Missing(Restart)) != 1 {
		t.Errorf("without Python: %s, missing %v", same.Kind, same.Missing(Restart))
	}
}

// TestUserURIStaysSecret: a URI that cannot be used is not quoted.
func TestUserURIStaysSecret(t *testing.T) {
	for _, uri := range []string{"mongodb://u:canary@", "mongodb://u:canary@@h/", "mongodb://u:canary@h/?tls=perhaps", "http://u:canary@h"} {
		t.Setenv(uriVariable, uri)
		if _, err := Start(t.Context(), 0); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
}

// TestDocker: the container is asked for as it should be. What runs in it here
// is the stand-in for mongod, outside of any container.
func TestDocker(t *testing.T) {
	standInMongod(t)
	mongod := must.Get(mongodPath())(t)
	dir := t.TempDir()
	program(t, dir, "docker", fmt.Sprintf(`
case $1 in info | image) exit 0 ;; esac
for word in "$@"; do echo "$word"; done >%[1]s/asked
while [ "$1" != %[2]s ]; do shift; done
program=$3
shift 6 # the image, -c, the program, its name, mongod, /data/db
exec sh -c "$program" members.sh %[3]s %[1]s "$@"
`, dir, dockerImage, mongod))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv(mongodVariable, "")
	if kind := choose(t.Context()); kind != Docker {
		t.Skipf("%s comes before Docker here", kind)
	}
	server := started(t, Docker, Options{Need: Auth})
	if server.Missing(everything&^TLS) != nil || len(server.Members()) != 3 {
		t.Errorf("%s: %v", server.Banner(), server.Members())
	}
	asked := must.Get(os.ReadFile(filepath.Join(dir, "asked")))(t)
	for _, member := range server.Members() {
		_, port, _ := strings.Cut(member, ":")
		if !strings.Contains(string(asked), "--publish\n127.0.0.1:"+port+":"+port+"\n") {
			t.Errorf("the port %s is not published on loopback", port)
		}
	}
	if password := strings.SplitN(strings.SplitN(server.URI, "@", 2)[0], ":", 3)[2]; strings.Contains(string(asked), password) {
		t.Error("the password is among the arguments")
	}
}
