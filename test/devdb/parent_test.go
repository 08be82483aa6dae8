//go:build unix

package devdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// childMain is what a test process does that is about to be killed: it starts a
// server and prints where.
func childMain(kind Kind) {
	server, err := StartKind(context.Background(), kind, Options{})
	if err == nil && os.Getenv("DEVDB_TEST_FREEZE") != "" {
		err = server.Freeze()
	}
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println("ready", server.URI, server.data.path)
	select {} // until it is killed
}

// TestEndsWithItsParent: a test process is killed with SIGKILL, and its server
// ends by itself, frozen ones too where the kernel sees to it. The next start
// removes its data.
func TestEndsWithItsParent(t *testing.T) {
	adoptOrphans(t)
	standInMongod(t)
	for _, c := range []struct {
		kind   Kind
		frozen bool
	}{{Engine, false}, {Engine, true}, {Secantus, false}, {Mongod, false}, {Mongod, true}} {
		t.Run(fmt.Sprintf("%s frozen=%t", c.kind, c.frozen), func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), "DEVDB_TEST_CHILD="+string(c.kind))
			if c.frozen {
				child.Env = append(child.Env, "DEVDB_TEST_FREEZE=1")
			}
			out := must.Get(child.StdoutPipe())(t)
			must.Do(t, child.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "ready ") {
				t.Fatalf("the child said %q (%v)", line, err)
			}
			data := strings.Fields(line)[2]
			servers := processesOf(t, data)
			if len(servers) == 0 {
				t.Fatal("no process has the data directory among its arguments")
			}
			must.Do(t, child.Process.Kill())
			if err := child.Wait(); err == nil {
				t.Error("the child has ended by itself")
			}
			must.Happen(t, "nothing is left", func() bool { return len(processesOf(t, data)) == 0 })
			if _, err := os.Stat(data); err != nil {
				t.Fatalf("the data are gone before anybody could remove them: %v", err)
			}
			next := must.Get(newDataDir(t.Context()))(t)
			defer next.remove()
			if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the data of a killed process are still there: %v", err)
			}
		})
	}
}

// processesOf are the processes that run and have a directory among their arguments.
func processesOf(t *testing.T, directory string) []string {
	t.Helper()
	out := must.Get(exec.Command("ps", "-A", "-o", "pid=,stat=,args=").Output())(t)
	var found []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) > 2 && !strings.HasPrefix(words[1], "Z") && strings.Contains(line, directory) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
