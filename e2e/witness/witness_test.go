//go:build linux

package witness

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// build makes the real worker: the kernel names a process after its file.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), Comm)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../worker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func start(t *testing.T, worker, key string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(worker, args...)
	cmd.Env = append(os.Environ(), EnvKey+"="+key, EnvCluster+"=here")
	must.Do(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func await(t *testing.T, w *Witness, key string, asked func(Run) bool) Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := must.Get(w.Await(ctx, key, asked))(t)
	return r
}

func TestWitnessSeesARunFromStartToEnd(t *testing.T) {
	worker, key := build(t), rand.Text()
	w := New()
	defer w.Close()
	before := time.Now()
	cmd := start(t, worker, key)
	r := await(t, w, key, Run.Alive)
	alive := time.Now()
	if r.Start.Before(before.Add(-2*tick)) || r.Start.After(time.Now()) || r.Cluster != "here" {
		t.Errorf("started at %v between %v and now: %v", r.Start, before, r)
	}

	// A frozen one is alive, whatever it fails to say.
	must.Do(t, cmd.Process.Signal(syscall.SIGSTOP))
	frozen := time.Now()
	await(t, w, key, func(r Run) bool { return r.Alive() && r.Seen.After(frozen.Add(3*pause)) })

	killed := time.Now()
	if err := cmd.Process.Kill(); err != nil { // not waited for: a zombie has gone
		t.Fatal(err)
	}
	r = await(t, w, key, func(r Run) bool { return !r.Alive() })
	if r.Gone.Before(killed) || r.Gone.Before(r.Seen) {
		t.Errorf("killed at %v: %v", killed, r)
	}
	if least, most := r.Lived(); least > time.Since(before) || most < killed.Sub(alive) || most < least {
		t.Errorf("seen alive for %v, lived between %v and %v: %v", killed.Sub(alive), least, most, r)
	}

	start(t, worker, key)
	again := await(t, w, key, Run.Alive)
	if n := len(w.Runs(key)); n != 2 || !again.Start.After(r.Start) {
		t.Errorf("%d runs, want 2: %v", n, w.Runs(key))
	}
	if others := w.Runs(rand.Text()); len(others) != 0 {
		t.Errorf("another key: %v", others)
	}
}

func TestWitnessCountsOrphans(t *testing.T) {
	worker, key := build(t), rand.Text()
	w := New()
	defer w.Close()
	cmd := start(t, worker, key, "-fork", "1")
	await(t, w, key, Run.Alive)
	var child int
	for child == 0 { // the bound is that of the test
		out, _ := exec.CommandContext(t.Context(), "pgrep", "-P", itoa(cmd.Process.Pid)).Output()
		if len(out) > 0 {
			child = atoi(t, string(out))
		}
	}
	await(t, w, key, func(r Run) bool { return r.Seen.After(time.Now().Add(-pause)) })
	killed := time.Now()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	r := await(t, w, key, func(r Run) bool { return !r.Alive() || r.Seen.After(killed.Add(5*pause)) })
	if !r.Alive() {
		t.Errorf("the child lives: %v", r)
	}
	must.Do(t, syscall.Kill(child, syscall.SIGKILL))
	await(t, w, key, func(r Run) bool { return !r.Alive() })
}

func TestWitnessHasNoEyesForOthers(t *testing.T) {
	key := rand.Text()
	w := New()
	defer w.Close()
	// The right marks, and another name.
	cmd := exec.CommandContext(t.Context(), "sleep", "100")
	cmd.Env = append(os.Environ(), EnvKey+"="+key)
	must.Do(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	seen := start(t, build(t), key+"2")
	await(t, w, key+"2", Run.Alive)
	_ = seen.Process.Kill()
	if r := w.Runs(key); len(r) != 0 {
		t.Errorf("seen: %v", r)
	}
}

// A witness that gets no processor is one that did not look.
func TestAwayIsTheLongestTimeWithoutALook(t *testing.T) {
	const starved = time.Minute
	w := &Witness{table: newTable(), clock: gate.BootClock(), looked: make(chan struct{}), last: time.Now().Add(-starved)}
	if away := w.Away(); away < starved {
		t.Errorf("before it looks again: %v, want at least %v", away, starved)
	}
	w.look()
	w.look()
	if away := w.Away(); away < starved || away > 2*starved {
		t.Errorf("after it has looked: %v, want %v", away, starved)
	}
}

func TestAwaitSaysWhatItSaw(t *testing.T) {
	w := New()
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*pause)
	defer cancel()
	if _, err := w.Await(ctx, "nobody", Run.Alive); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("err = %v", err)
	}
}
