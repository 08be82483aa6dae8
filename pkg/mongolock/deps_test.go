package mongolock_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// A program that imports the library, and nothing else of this module, has no line of Kubernetes, nor of what only tests need, in its go.mod and go.sum:
// what the gate and the tests need is pruned (https://go.dev/ref/mod#graph-pruning).
func TestWhatAProgramRequires(t *testing.T) {
	dir, root := t.TempDir(), must.Get(filepath.Abs(filepath.Join("..", "..")))(t)
	const module = "github.com/mongogate/mongogate"
	for name, text := range map[string]string{
		"go.mod":  "module example.test/program\n\ngo 1.26.0\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n",
		"main.go": "package main\n\nimport _ \"" + module + "/pkg/mongolock\"\n\nfunc main() {}\n",
	} {
		must.Do(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", os.DevNull, ".")
	build.Dir = dir
	// What this module is built with is at hand, and is enough.
	build.Env = append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text := string(must.Get(os.ReadFile(filepath.Join(dir, name)))(t))
		if !strings.Contains(text, "go.mongodb.org/mongo-driver") {
			t.Errorf("%s has no line of the driver:\n%s", name, text)
		}
		for _, others := range []string{"k8s.io/", "github.com/anishathalye/porcupine"} {
			if strings.Contains(text, others) {
				t.Errorf("%s has %s:\n%s", name, others, text)
			}
		}
	}
}
