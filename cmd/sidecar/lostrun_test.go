//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/internal/agent"
)

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
			proxy, cut := blockedProxy(t)
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
			eventually(t, "renewals that the others see", func() bool { return strings.Count(winner.said(t), "renewed") >= before+4 })
			proxy.Freeze()
			<-winner.ended
			if code := winner.ProcessState.ExitCode(); code != agent.ExitLost {
				t.Errorf("the winner ended with %d, want %d", code, agent.ExitLost)
			}
			for _, o := range others {
				<-o.ended
				if code := o.ProcessState.ExitCode(); code != 0 {
					t.Errorf("another ended with %d", code)
				}
			}
			done, err := os.ReadFile(filepath.Join(dir, "done"))
			if n := strings.Count(string(done), "\n"); n != 1 {
				t.Errorf("the run was done %d times: %q, %v", n, done, err)
			}
		})
	}
}
