//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
)

// restarted is the sidecar of a pod whose protection is restart, and whose kubelet the test plays.
type restarted struct {
	*testing.T
	env  []string
	dir  string
	last *running
}

func newRestarted(t *testing.T, env ...string) *restarted {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	database := "cli_epoch_" + strings.ToLower(strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], " ", "_"))
	t.Cleanup(func() { dropDatabase(t, database) })
	return &restarted{T: t, dir: dir, env: append([]string{
		"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=" + database, "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + dir, "MONGOGATE_OWNER=pod",
		"MONGOGATE_PROTECTION=restart", "MONGOGATE_TTL=42s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_OPERATION_TIMEOUT=6s", "MONGOGATE_POLL_INTERVAL=100ms",
		"MONGOGATE_METRICS_ADDRESS=unix:" + filepath.Join(dir, "metrics.sock"),
	}, env...)}
}

// newOpened is one that holds the lock, in its first epoch.
func newOpened(t *testing.T, env ...string) *restarted {
	t.Helper()
	r := newRestarted(t, env...)
	r.newEpoch()
	r.begin()
	r.opens()
	return r
}

// newEpoch is what the first init container does.
func (r *restarted) newEpoch() {
	r.Helper()
	if code, out := builtBinary(r.T, []string{"MONGOGATE_STATE_DIR=" + r.dir}, "epoch"); code != 0 || len(strings.TrimSpace(out)) < 20 {
		r.Fatalf("epoch: exit code %d: %s", code, out)
	}
}

func (r *restarted) begin(args ...string) *running {
	r.Helper()
	r.last = startGate(r.T, r.env, false, append([]string{"sidecar"}, args...)...)
	return r.last
}

// askToEnd is a new image or a failed probe, up to the note that the gate makes of it.
func (r *restarted) askToEnd() {
	r.Helper()
	r.last.signal(r.T, syscall.SIGTERM)
	eventually(r.T, "the note of it", func() bool { return strings.Contains(r.hold(), "asked") })
}

func (r *restarted) crash() {
	r.Helper()
	r.last.signal(r.T, syscall.SIGKILL)
	<-r.last.ended
}

func (r *running) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := r.Process.Signal(sig); err != nil {
		t.Error(err)
	}
}

// endsWith waits for an exit code.
func (r *running) endsWith(t *testing.T, want int) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatalf("the gate does not end, want exit code %d", want)
	}
	if got := r.ProcessState.ExitCode(); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func (r *restarted) asks(args ...string) (int, string) { return builtBinary(r.T, r.env, args...) }

// opens: the lock is acquired, or adopted.
func (r *restarted) opens() {
	r.Helper()
	r.last.await(r.T, "gate open")
}

// refuses: the lock is left alone, and everybody who looks is told why.
func (r *restarted) refuses() {
	r.Helper()
	_, before := r.asks("history", "-o", "json")
	r.last.await(r.T, "the restart rule was ignored")
	for _, question := range []string{"startup", "ready"} {
		if code, out := r.asks("probe", question); code != 1 || !strings.Contains(out, "RestartAllContainersOnContainerExits") || !strings.Contains(out, "1.36") {
			r.Errorf("probe %s: exit code %d: %s", question, code, out)
		}
	}
	if code, out := r.asks("probe", "live"); code != 0 {
		r.Errorf("probe live: exit code %d: %s: the kubelet would start the gate again and again", code, out)
	}
	if metrics := ask(r.T, filepath.Join(r.dir, "metrics.sock"), "/metrics"); !strings.Contains(metrics, "mongogate_restart_ignored 1") {
		r.Errorf("metrics: %s", metrics)
	}
	if _, after := r.asks("history", "-o", "json"); after != before {
		r.Errorf("acquired all the same: %s, before %s", after, before)
	}
	if said := r.last.said(r.T); strings.Contains(said, "lock acquired") || strings.Contains(said, "gate open") {
		r.Error("acquired all the same")
	}
	eventually(r.T, "the sentinel", func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "k", "lost"))
		return err == nil
	})
}

// leaseOver makes the lease file one whose deadline has passed.
func (r *restarted) leaseOver() {
	r.Helper()
	path := filepath.Join(r.dir, "k", "lease")
	b, err := os.ReadFile(path)
	var l statedir.Lease
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil || !l.Open {
		r.Fatalf("%s: %+v, %v", path, l, err)
	}
	l.Deadline = 1
	if b, err = json.Marshal(l); err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// TestRestartThatIsIgnored: a kubelet that starts the gate alone is found out by the gate that comes back.
func TestRestartThatIsIgnored(t *testing.T) {
	t.Run("without an epoch", func(t *testing.T) {
		r := newRestarted(t)
		code, out := r.asks("sidecar")
		if code != 64 || !strings.Contains(out, "mongogate-epoch") || !strings.Contains(out, "first of the pod") {
			t.Errorf("exit code %d: %s", code, out)
		}
	})
	t.Run("killed", func(t *testing.T) {
		r := newOpened(t)
		r.crash()
		r.leaseOver() // or the sentinel would wait for the deadline
		r.asksFirst()
		r.begin()
		r.refuses()
		// Nothing but a new epoch changes that: neither an ordinary end of the refusing gate nor its crash.
		r.last.signal(t, syscall.SIGTERM)
		r.last.endsWith(t, 0)
		r.begin("--timeout", "300ms")
		r.refuses()
		r.crash()
		r.begin()
		r.refuses()
		r.crash()
		r.newEpoch()
		r.begin()
		r.opens()
	})
	t.Run("killed by the kubelet", func(t *testing.T) {
		r := newOpened(t)
		for range 2 { // for its liveness probe: the rule counts, and is obeyed once it is asked for
			r.crash()
			r.asksFirst()
			r.newEpoch()
			r.begin()
			r.opens()
		}
	})
	t.Run("lost", func(t *testing.T) {
		r := newOpened(t, "MONGOGATE_ON_LOSS=wait")
		if code, out := r.asks("force-release"); code != 0 {
			t.Fatal(out)
		}
		r.last.endsWith(t, 88)
		r.begin()
		r.refuses()
		r.crash()
		r.newEpoch() // all containers were restarted after all
		if code, out := r.asks("force-release", "--now", "--yes"); code != 0 {
			t.Fatal(out)
		}
		r.begin()
		r.opens()
	})
	t.Run("lost while asked to end", func(t *testing.T) {
		r := newOpened(t)
		r.askToEnd()
		if code, out := r.asks("force-release"); code != 0 {
			t.Fatal(out)
		}
		r.last.endsWith(t, 88)
		r.begin()
		r.refuses()
	})
	t.Run("asked to end", func(t *testing.T) {
		r := newOpened(t)
		// A new image or a failed probe: SIGTERM, and SIGKILL at the end of the grace period.
		for range 2 {
			r.askToEnd()
			r.crash()
			r.begin()
			r.opens() // by its nonce
			if code, out := r.asks("history"); code != 0 || !strings.Contains(out, "adopted") {
				t.Errorf("history: %s", out)
			}
		}
		r.crash() // this time nobody asked
		r.leaseOver()
		r.asksFirst()
		r.begin()
		r.refuses()
	})
	t.Run("asked to end and back too late", func(t *testing.T) {
		r := newOpened(t)
		r.askToEnd()
		r.crash()
		r.leaseOver()
		r.begin()
		// What may run beside it has no lease: that is a loss, and its protection is to end.
		r.last.endsWith(t, 88)
		r.begin()
		r.refuses()
	})
	t.Run("asked to end and then killed while waiting", func(t *testing.T) {
		r := newOpened(t)
		r.askToEnd()
		r.crash()
		if code, out := r.asks("force-release", "--now", "--yes"); code != 0 {
			t.Fatal(out)
		}
		r.other()
		r.begin()
		r.last.await(t, "waiting for the lock")
		r.crash() // beside what may run on
		r.leaseOver()
		r.asksFirst()
		r.begin()
		r.refuses()
	})
	t.Run("killed while waiting", func(t *testing.T) {
		r := newRestarted(t)
		r.newEpoch()
		other := r.other()
		for range 2 { // nothing was started in this epoch that could run on
			r.begin()
			r.last.await(t, "waiting for the lock")
			r.crash()
		}
		r.begin()
		r.last.await(t, "waiting for the lock")
		other.stop(t)
		r.opens()
	})
	t.Run("after an init container", func(t *testing.T) {
		r := newRestarted(t)
		r.newEpoch()
		if code, out := r.asks("init"); code != 0 {
			t.Fatal(out)
		}
		r.begin()
		r.opens()
		r.crash()
		r.newEpoch() // the rule was obeyed
		if code, out := r.asks("init"); code != 0 {
			t.Fatal(out)
		}
		r.begin()
		r.opens()
		r.crash()
		r.leaseOver()
		r.asksFirst() // and now it was not
		r.begin()
		r.refuses()
	})
}

// asksFirst: a gate that did not end by itself is no proof that the rule is ignored. The next one asks for it, once.
func (r *restarted) asksFirst() {
	r.Helper()
	r.begin()
	r.last.endsWith(r.T, 88)
	if said := r.last.said(r.T); !strings.Contains(said, "restarted it alone") || strings.Contains(said, "was ignored") || strings.Contains(said, "lock acquired") {
		r.Errorf("it said:\n%s", said)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "k", "lost")); err != nil {
		r.Error("no sentinel beside what may run on")
	}
}

// other is a gate elsewhere that holds the lock.
func (r *restarted) other() *running {
	r.Helper()
	other := startGate(r.T, append(r.env, "MONGOGATE_HEARTBEAT=10s", "MONGOGATE_STATE_DIR="+r.TempDir(), "MONGOGATE_METRICS_ADDRESS=none"), false, "run", "--", "sleep", "300")
	other.await(r.T, "gate open")
	return other
}

// hold is the note of the last hold.
func (r *restarted) hold() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "k", "hold"))
	if err != nil {
		r.Error(err)
	}
	return string(b)
}
