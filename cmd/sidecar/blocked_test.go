//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
	"github.com/mongogate/mongogate/test/unread"
)

// ofEach is how many gates are tried at a time with each observer. For more trials take -count: a hundred gates at once on
// a small machine lose their leases to it.
var ofEach = flag.Int("of-each", 2, "gates with each observer that does not take what it is given")

// TestNothingOutsideHoldsUpAGate: an outage of half a ttl loses no lease, and the gates that lose theirs in a longer
// one end in time, with nothing left of their commands.
func TestNothingOutsideHoldsUpAGate(t *testing.T) {
	t.Parallel()
	for _, k := range unread.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			proxy, uri := devdbtest.Proxied(t, rig.server)
			database := "blocked_" + strings.NewReplacer(" ", "_").Replace(k.Name)
			t.Cleanup(func() { dropDatabase(t, database) })
			var all []*blockedGate
			for n := range *ofEach {
				all = append(all, startBlocked(t, k, database, uri, fmt.Sprint("k", n)))
			}
			for _, g := range all {
				g.awaitUp(t)
				must.Do(t, g.begin())
			}
			proxy.Freeze()
			time.Sleep(unread.Outage)
			proxy.Heal()
			healed := time.Now()
			kept := 0
			for _, g := range all {
				// Not the request that was held back, and carried out when its answer was of no use any more.
				if g.renewedSince(t, healed.Add(1500*time.Millisecond)) {
					kept++
				}
			}
			proxy.Freeze()
			cut := time.Now()
			ended, slowest := 0, time.Duration(0)
			for _, g := range all {
				code, took := g.endsWith(t, cut)
				if code == agent.ExitLost && took <= unread.EndsWithin && !g.commandLives() {
					ended++
				}
				slowest = max(slowest, took)
			}
			t.Logf("%s: %d of %d leases kept through an outage of half a ttl; %d of %d ended with %d in time after a longer one, the slowest %v after the cut",
				k.Name, kept, len(all), ended, len(all), agent.ExitLost, slowest.Round(100*time.Millisecond))
			if kept != len(all) || ended != len(all) {
				t.Fail()
			}
		})
	}
}

// blockedGate is a gate of which nothing can be read but what its command does.
type blockedGate struct {
	*exec.Cmd
	begin         func() error
	database, key string
	up            string // a file with the process id of the command
	ended         chan struct{}
	at            time.Time
}

func startBlocked(t *testing.T, k unread.Kind, database, uri, key string) *blockedGate {
	t.Helper()
	dir := t.TempDir()
	g := &blockedGate{database: database, key: key, up: filepath.Join(dir, "up"), ended: make(chan struct{})}
	env := append([]string{
		"MONGOGATE_URI=" + uri, "MONGOGATE_DATABASE=" + database, "MONGOGATE_KEY=" + key, "MONGOGATE_STATE_DIR=" + filepath.Join(dir, "state"), "PATH=" + os.Getenv("PATH"),
	}, unread.Environment()...)
	g.Cmd = gateCommand(context.Background(), env, "run", "--", "sh", "-c", `echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 300 2>/dev/null`, g.up)
	blocked := must.Get(k.Block())(t)
	t.Cleanup(func() { _ = blocked.Close() }) // whatever the gate has done to it
	g.begin = blocked.Begin
	g.Env = append(g.Env, blocked.Env...)
	if blocked.Stderr != nil {
		g.Stderr = blocked.Stderr
	}
	must.Do(t, g.Start())
	go func() { // waited for by the Cleanup
		defer close(g.ended)
		_ = g.Wait()
		g.at = time.Now()
	}()
	t.Cleanup(func() {
		_ = g.Process.Kill()
		<-g.ended
	})
	return g
}

func (g *blockedGate) awaitUp(t *testing.T) {
	t.Helper()
	must.Happen(t, "the command runs", func() bool {
		_, err := os.Stat(g.up)
		return err == nil
	})
}

// renewedSince waits until the store shows a renewal after an instant, and says whether the command still runs then.
func (g *blockedGate) renewedSince(t *testing.T, at time.Time) bool {
	t.Helper()
	for end := time.Now().Add(must.Patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case <-g.ended:
			return false
		default:
		}
		var d struct {
			State   string
			Touched time.Time
		}
		err := rig.client.Database(g.database).Collection("lock").FindOne(t.Context(), bson.D{{Key: "_id", Value: g.key}}).Decode(&d)
		if err == nil && d.State == "held" && d.Touched.After(at) {
			return g.commandLives()
		}
	}
	return false
}

func (g *blockedGate) endsWith(t *testing.T, since time.Time) (code int, took time.Duration) {
	t.Helper()
	select {
	case <-g.ended:
		return g.ProcessState.ExitCode(), g.at.Sub(since)
	case <-time.After(time.Until(since.Add(2 * unread.EndsWithin))):
		return -1, time.Since(since)
	}
}

func (g *blockedGate) commandLives() bool {
	b, err := os.ReadFile(g.up)
	if err != nil {
		return false
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		return false
	}
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
