//go:build unix

package devdb

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// TestPythonEnv: the real library and its driver are there, and take a lock.
func TestPythonEnv(t *testing.T) {
	begin := time.Now()
	python := must.Get(PythonEnv(t.Context()))(t)
	t.Logf("environment there in %d ms", time.Since(begin).Milliseconds())
	server := started(t, Engine, Options{})
	const program = `
import sys, importlib.metadata, pymongo, mongolock
lock = mongolock.MongoLock(client=pymongo.MongoClient(sys.argv[1]))
assert lock.lock("key", "me") and not lock.lock("key", "you")
print(importlib.metadata.version("mongolock"), pymongo.version)
`
	out, err := exec.CommandContext(t.Context(), python, "-c", program, server.URI).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "1.3.4 3.13.0" {
		t.Errorf("%v: %s", err, out)
	}
}
