//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// TestSidecarFencesWithoutAStore: a sidecar that comes back beside a workload
// fences it, whatever it takes to find the store: its name cannot be looked up, or it does not say which it is.
func TestSidecarFencesWithoutAStore(t *testing.T) {
	for why, env := range map[string][]string{
		"no name":   {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/"},
		"no answer": {"MONGOGATE_URI=mongodb://127.0.0.1:1/", "MONGOGATE_EXPECT_STORE=one"},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sentinel := filepath.Join(dir, "lost")
			g := startGate(t, append(env,
				"MONGOGATE_KEY=late", "MONGOGATE_STATE_DIR="+filepath.Join(dir, "state"), "MONGOGATE_PROTECTION=sentinel", "MONGOGATE_SENTINEL="+sentinel,
				"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_OPERATION_TIMEOUT=1s"), false, "sidecar")
			must.Happen(t, "the sentinel", func() bool {
				_, err := os.Stat(sentinel)
				return err == nil
			})
			g.await(t, "retrying") // and not an exit, which some versions of Kubernetes take for the pod's
		})
	}
}

// TestRunWaitsForTheStore: whatever it takes to find the store, a run waits for it as it waits for the lock: its
// name cannot be looked up, nobody listens, or it has to say which it is.
func TestRunWaitsForTheStore(t *testing.T) {
	for why, env := range map[string][]string{
		"no name":             {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/"},
		"nobody":              {"MONGOGATE_URI=mongodb://127.0.0.1:1/"},
		"nobody says who":     {"MONGOGATE_URI=mongodb://127.0.0.1:1/", "MONGOGATE_EXPECT_STORE=one"},
		"no name and no word": {"MONGOGATE_URI=mongodb+srv://mongogate.invalid/", "MONGOGATE_EXPECT_STORE=one"},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			env := append(env, "MONGOGATE_KEY=late", "MONGOGATE_STATE_DIR="+t.TempDir(), "MONGOGATE_OPERATION_TIMEOUT=500ms", "MONGOGATE_HEARTBEAT=1s")
			begun := time.Now()
			if code, out := builtBinary(t, env, "run", "--timeout", "4s", "--", "true"); code != 69 || time.Since(begun) < 4*time.Second {
				t.Errorf("with a time for waiting: exit code %d, want 69, after %v:\n%s", code, time.Since(begun), out)
			}
			g := startGate(t, env, false, "run", "--", "true")
			time.Sleep(2 * time.Second) // it may be at any point of its start
			g.signal(t, syscall.SIGTERM)
			g.endsWith(t, 128+15)
		})
	}
}

// TestStoreIsIdentifiedLater: a gate that began while the store was away says which it is once that is known. With a
// lease of a store that it does not know it could not go on over new credentials, once the old ones are refused.
func TestStoreIsIdentifiedLater(t *testing.T) {
	p, uri := devdbtest.Proxied(t, rig.server)
	p.Cut()
	g := startGate(t, []string{
		"MONGOGATE_URI=" + uri, "MONGOGATE_DATABASE=cli_identify", "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + t.TempDir(),
		"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_OPERATION_TIMEOUT=2s",
	}, false, "run", "--", "sleep", "300")
	g.await(t, "the store could not be identified yet")
	p.Heal()
	g.await(t, "gate open")
	g.await(t, "fingerprint")
}

// TestRunOfAWinnerThatLosesItsLease: three machines start a run as cron does,
// with the defaults. The one that got it is cut off from the database, as in an
// election, and ends with 88. Nobody starts the run again, so one of the others
// has to have stayed: the run is done all the same, once.
func TestRunOfAWinnerThatLosesItsLease(t *testing.T) {
	t.Cleanup(func() { dropDatabase(t, "cli_lostrun") })
	for trial := range *ofEach {
		t.Run(fmt.Sprint(trial), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			proxy, cut := devdbtest.Proxied(t, rig.server)
			env := func(machine, uri string) []string {
				return []string{
					"MONGOGATE_URI=" + uri, "MONGOGATE_DATABASE=cli_lostrun", "MONGOGATE_KEY=" + dir, "MONGOGATE_BUCKET=7d", "MONGOGATE_TIMEZONE=UTC",
					"MONGOGATE_STATE_DIR=" + filepath.Join(dir, machine), "MONGOGATE_OWNER=" + machine,
					"MONGOGATE_TTL=6s", "MONGOGATE_HEARTBEAT=1s", "MONGOGATE_POLL_INTERVAL=100ms", "MONGOGATE_LOG_LEVEL=debug", "DIR=" + dir,
				}
			}
			// Whoever is first never comes to its end by itself.
			run := []string{"run", "--", "sh", "-c", `mkdir "$DIR/first" 2>/dev/null && sleep 300; echo "$MONGOGATE_HOLDER" >>"$DIR/done"`}
			winner := startGate(t, env("winner", cut), false, run...)
			winner.await(t, "gate open")
			others := []*running{startGate(t, env("b", rig.server.URI), false, run...), startGate(t, env("c", rig.server.URI), false, run...)}
			for _, o := range others {
				o.await(t, "waiting for the lock")
			}
			// So that they have seen it alive: who leaves a run to a holder that renews has left by then.
			before := strings.Count(winner.said(t), "renewed")
			must.Happen(t, "renewals that the others see", func() bool { return strings.Count(winner.said(t), "renewed") >= before+4 })
			proxy.Freeze()
			winner.endsWith(t, agent.ExitLost)
			for _, o := range others {
				o.endsWith(t, 0)
			}
			done, err := os.ReadFile(filepath.Join(dir, "done"))
			if n := strings.Count(string(done), "\n"); n != 1 {
				t.Errorf("the run was done %d times: %q, %v", n, done, err)
			}
		})
	}
}
