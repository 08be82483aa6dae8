//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/electproxy"
	"github.com/mongogate/mongogate/test/witness"
)

// electionSets is how many sets have their elections at once; they mostly wait.
const electionSets = 6

// Elections has n elections, with the server's own times and the default ttl, under
// contenders of the library and under gates of the built binary, three for each key, and tells in Markdown what became of leases,
// buckets and releases. The error is of what must never be: an overlap, a token that does not grow, a bucket that is not done
// exactly once, a release that costs a successor more than the election, or a lease that is lost by an outage that the arithmetic bears.
func (r *Rig) Elections(ctx context.Context, n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	server, err := devdb.StartKind(ctx, devdb.Engine, devdb.Options{})
	if err != nil {
		return "", fmt.Errorf("elections: %w", err)
	}
	defer server.Close()
	var gates electproxy.Report
	trial := electproxy.Trial{
		Election: 10 * time.Second, Timing: mongolock.Timing{}.WithDefaults(), Faults: electproxy.Faults(),
		Elections: (n + electionSets - 1) / electionSets, Sets: electionSets,
	}
	trial.Beside = func(ctx context.Context, number int, set *electproxy.Set, database string) (electproxy.Beside, error) {
		return r.gatesBeside(ctx, &gates, number, set, database)
	}
	all, err := trial.Run(ctx, server.Addr())
	if err != nil {
		return "", fmt.Errorf("elections: %w", err)
	}
	text := fmt.Sprintf("%s\n%s\n\n%d gates, %d for each key, %d runs of their workloads: %d overlaps, %d other faults. %d elections with an outage below %v: %d cost a gate its lease.\n",
		all.Table(trial.Faults), all.Summary(), electionSets*electproxy.Contenders, electproxy.Contenders,
		gates.Runs, gates.Overlaps, gates.Others, gates.Within, all.Bears.Round(100*time.Millisecond), gates.Unborne)
	if wrong := append(all.Wrong, gates.Wrong...); len(wrong) > 0 {
		return "", fmt.Errorf("elections: %s\n%s", strings.Join(wrong, "; "), text)
	}
	return text, nil
}

// gatesBeside starts gates beside the contenders of a set.
func (r *Rig) gatesBeside(ctx context.Context, report *electproxy.Report, number int, set *electproxy.Set, database string) (beside electproxy.Beside, err error) {
	t, err := r.begin("elections", number)
	if err != nil {
		return beside, err
	}
	services := t.serve(ctx, electproxy.Contenders, set.URI(), database)
	beside.End = func() error {
		err := services.stop()
		if err == nil {
			err = t.verdictOn(ctx, report)
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, t.Story())
		}
		return errors.Join(err, t.end())
	}
	begin, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := t.Line(begin, "a gate runs", func(e witness.Entry) bool { return e.Event == witness.Start }); err != nil {
		return beside, errors.Join(err, beside.End())
	}
	bears := electproxy.Bears(mongolock.Timing{}.WithDefaults())
	beside.After = func(f electproxy.Fault, began time.Time, outage, stalled time.Duration) (disturbed bool) {
		if outage >= bears {
			return false
		}
		at := r.clock.Now() - time.Since(began)
		_, again, err := t.find(func(e witness.Entry) bool { return e.Event == witness.Start && e.At > at })
		if again && stalled >= electproxy.Excuses {
			return true
		}
		report.Bore(!again && err == nil, "%s: a gate lost its lease by an outage of %v, the machine stalled for %v (%v)", f.Name, outage, stalled, err)
		return false
	}
	return beside, nil
}

// services are gates that are started again when they have lost their lease, as a service manager does.
type services struct {
	quit    chan struct{}
	once    sync.Once
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// serve starts some for the trial's key, each on a machine of its own.
func (t *Trial) serve(ctx context.Context, n int, uri, database string) *services {
	s := &services{quit: make(chan struct{})}
	for i := range n {
		s.running.Go(func() {
			for again := 0; ; again++ {
				g, err := t.Start(Order{
					ID: fmt.Sprintf("%s.%d.%d", t.key, i, again), Owner: fmt.Sprint("gate-", i), Key: t.key, URI: uri, Database: database, // with the default timing
				})
				if err != nil {
					s.failed(err)
					return
				}
				want := lost
				select {
				case <-g.Ended():
				case <-s.quit:
					want = 128 + int(syscall.SIGTERM)
					_ = g.Signal(syscall.SIGTERM) // unless it has just lost
				}
				if err := t.Ends(ctx, g, want); err != nil && g.Code() != lost {
					s.failed(err)
					return
				}
				if want != lost {
					return
				}
			}
		})
	}
	return s
}

func (s *services) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
}

// stop stops them, and says what was wrong with any.
func (s *services) stop() error {
	s.once.Do(func() { close(s.quit) })
	s.running.Wait()
	return errors.Join(s.errs...)
}

// verdictOn is the witness's on the gates of a set.
func (t *Trial) verdictOn(ctx context.Context, report *electproxy.Report) error {
	if err := t.cleared(ctx); err != nil {
		return err
	}
	entries, err := t.settled(ctx)
	if err != nil {
		return err
	}
	report.Judge(entries)
	return nil
}
