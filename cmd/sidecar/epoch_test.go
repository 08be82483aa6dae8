//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/test/must"
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
	must.Happen(r.T, "the note of it", func() bool { return strings.Contains(r.hold(), "asked") })
}

func (r *restarted) crash() {
	r.Helper()
	r.last.signal(r.T, syscall.SIGKILL)
	<-r.last.ended
}

func (r *restarted) asks(args ...string) (int, string) { return builtBinary(r.T, r.env, args...) }

// asksFor is a question that is answered.
func (r *restarted) asksFor(args ...string) {
	r.Helper()
	if code, out := r.asks(args...); code != 0 {
		r.Fatal(out)
	}
}

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
	must.Happen(r.T, "the sentinel", func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "k", "lost"))
		return err == nil
	})
}

// leaseOver makes the lease file one whose deadline has passed.
func (r *restarted) leaseOver() {
	r.Helper()
	path := filepath.Join(r.dir, "k", "lease")
	var l statedir.Lease
	if err := json.Unmarshal(must.Get(os.ReadFile(path))(r), &l); err != nil || !l.Open {
		r.Fatalf("%s: %+v, %v", path, l, err)
	}
	l.Deadline = 1
	must.Do(r, os.WriteFile(path, must.Get(json.Marshal(l))(r), 0o600))
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
		r.asksFor("force-release")
		r.last.endsWith(t, 88)
		r.begin()
		r.refuses()
		r.crash()
		r.newEpoch() // all containers were restarted after all
		r.asksFor("force-release", "--now", "--yes")
		r.begin()
		r.opens()
	})
	t.Run("lost while asked to end", func(t *testing.T) {
		r := newOpened(t)
		r.askToEnd()
		r.asksFor("force-release")
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
		r.asksFor("force-release", "--now", "--yes")
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
		r.asksFor("init")
		r.begin()
		r.opens()
		r.crash()
		r.newEpoch() // the rule was obeyed
		r.asksFor("init")
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
	return string(must.Get(os.ReadFile(filepath.Join(r.dir, "k", "hold")))(r))
}
