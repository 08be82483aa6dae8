//go:build linux

package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/devdb"
)

// shared is what the tests of the package share.
var shared struct {
	dir    string // with bin/mongogate
	server *devdb.Server
	once   sync.Once
	failed error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if shared.dir != "" {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// begin builds the binary and starts a database, once.
func begin(t *testing.T) {
	t.Helper()
	shared.once.Do(func() {
		shared.failed = func() (err error) {
			if shared.dir, err = os.MkdirTemp("", "docs-"); err != nil { //nolint:usetesting // outlives the test that is the first to need it
				return err
			}
			build := exec.Command("go", "build", "-o", filepath.Join(shared.dir, "bin", "mongogate"), "./cmd/sidecar")
			build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
			if said, err := build.CombinedOutput(); err != nil {
				return fmt.Errorf("%w\n%s", err, said)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			if shared.server, err = devdb.Start(ctx, 0); err != nil {
				return err
			}
			fmt.Println(shared.server.Banner())
			return nil
		}()
	})
	if shared.failed != nil {
		t.Fatal(shared.failed)
	}
}

// place is an empty directory with the environment of a user: the binary on
// PATH, the database, nothing of ours from outside.
type place struct {
	dir string
	env []string
}

func newPlace(t *testing.T, database string) place {
	t.Helper()
	begin(t)
	dir := t.TempDir()
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MONGOGATE_") })
	return place{dir: dir, env: append(env,
		"PATH="+filepath.Join(shared.dir, "bin")+":"+os.Getenv("PATH"),
		"MONGOGATE_URI="+shared.server.URI,
		"MONGOGATE_DATABASE=docs_"+strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(database),
		"MONGOGATE_STATE_DIR="+filepath.Join(dir, "state"),
	)}
}

// with is the place with more variables.
func (p place) with(env ...string) place {
	p.env = append(slices.Clone(p.env), env...)
	return p
}

// run gives the output and the exit code. What the command leaves behind is killed with its process group.
func (p place) run(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s %q does not end:\n%s", name, args, out)
	}
	var ended *exec.ExitError
	switch {
	case err == nil:
		return string(out), 0
	case errors.As(err, &ended):
		return string(out), ended.ExitCode()
	}
	t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	return "", 0
}

// mongogate runs the binary.
func (p place) mongogate(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return p.run(t, filepath.Join(shared.dir, "bin", "mongogate"), args...)
}
