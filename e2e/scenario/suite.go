//go:build linux

package scenario

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"

	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/witness"
)

// EnvParallel is how many scenarios work at once; 6 if it is not set.
const EnvParallel = "E2E_PARALLEL"

// mostAway is how long the witness may be without a look, on a machine that starts a
// dozen pods at once. Overlaps are judged by the kernel's times of start, so that only a run that
// begins and ends within it is missed: none of a schedule's, which take 3 s. Shorter are those of the crash loop alone.
const mostAway = 3 * time.Second

// exitBlind is what a suite ends with whose witness did not look for longer. No
// second try of its scenarios makes up for that: hack/e2e.sh.
const exitBlind = 3

// Alone is how the names of scenarios begin that disturb all others: hack/e2e.sh
// runs them by themselves, one after the other, when the others have ended.
const Alone = "TestAlone"

// suite is what all scenarios of a process share.
type suite struct {
	lab     *lab.Lab
	witness *witness.Witness
	places  chan struct{}
	// blind are the clusters whose processes are not in this machine's table.
	blind []string

	mu      sync.Mutex
	skipped []string
}

var running *suite //nolint:gochecknoglobals // TestMain makes it, and the testing package hands nothing from there to tests

// Main runs the tests of a package in the lab, and says at the end by name what was
// skipped. What it returns is for os.Exit.
func Main(m *testing.M, out io.Writer) int {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run() // names only
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // Helm tells every symbolic link that it meets
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	l, err := lab.Open(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(out, err)
		return 1
	}
	defer func() { _ = l.Close() }()
	_, _ = fmt.Fprintln(out, l.DB.Server.Banner())

	places, err := strconv.Atoi(os.Getenv(EnvParallel))
	if err != nil || places < 1 {
		places = 6
	}
	running = &suite{lab: l, witness: witness.New(), places: make(chan struct{}, places)}
	defer running.witness.Close()
	for _, c := range l.Clusters() {
		if err := running.look(ctx, c); err != nil {
			_, _ = fmt.Fprintf(out, "witness: blind in cluster %s: %v\n", c.Name, err)
			running.blind = append(running.blind, c.Name)
			if c.Owned { // on this very machine: something is wrong
				return 1
			}
		}
	}
	debug.SetGCPercent(400) // a collection waits for threads that a busy machine does not run, and the witness for the collection
	code := m.Run()
	away := running.witness.Away()
	_, _ = fmt.Fprintf(out, "figure: witness-longest-without-a-look %.2f s\n", away.Seconds())
	if away > mostAway {
		_, _ = fmt.Fprintf(out, "witness: did not look for %v, of which %v are too much: two at once may have been missed\n", away, mostAway)
		code = exitBlind
	}
	if len(running.skipped) > 0 {
		slices.Sort(running.skipped)
		_, _ = fmt.Fprintf(out, "skipped: %s\n", strings.Join(running.skipped, "; "))
	}
	return code
}

func current(t *testing.T) *suite {
	t.Helper()
	if running == nil {
		t.Fatal("no lab: TestMain is to call scenario.Main")
	}
	return running
}

// turn waits until the scenario may work. Those that run alone are not told to
// run in parallel, so that the testing package gives them the lab for themselves.
func (u *suite) turn(s *Scenario) {
	if strings.HasPrefix(s.T.Name(), Alone) {
		return
	}
	s.Parallel()
	if s.opts.Background {
		return
	}
	u.places <- struct{}{}
	s.Cleanup(func() { <-u.places })
}

// check skips a scenario that cannot be run here.
func (u *suite) check(s *Scenario) {
	for name, c := range map[string]*lab.Cluster{"a": u.lab.A, "b": u.lab.B} {
		if !strings.Contains(s.opts.Clusters, name) {
			continue
		}
		if s.opts.Control && !c.Owned {
			s.SkipFor("clusters that are not ours are not stopped")
		}
		if s.opts.RestartIgnored && name == "b" && !c.Owned {
			s.SkipFor("only cluster b of our own ignores the restart rule")
		}
		if least := s.opts.Kubernetes; least > 0 {
			minor := must.Get(c.Minor())(s.T)
			if minor < least {
				s.SkipFor(fmt.Sprintf("cluster %s is Kubernetes 1.%d, not 1.%d", name, minor, least))
			}
		}
		if !s.opts.Unwitnessed && slices.Contains(u.blind, c.Name) {
			s.SkipFor("the processes of cluster " + c.Name + " are not on this machine")
		}
	}
}

// SkipFor ends a scenario that cannot be run here, and has it named at the end of the suite.
func (s *Scenario) SkipFor(reason string) {
	s.Helper()
	u := current(s.T)
	u.mu.Lock()
	u.skipped = append(u.skipped, s.T.Name()+" ("+reason+")")
	u.mu.Unlock()
	s.Skip(reason)
}
