//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
	faults := electproxy.Faults()
	var (
		all    electproxy.Report
		gated  gated
		each   = (n + electionSets - 1) / electionSets
		mu     sync.Mutex
		failed []error
		sets   sync.WaitGroup
	)
	for i := range electionSets {
		sets.Go(func() {
			trial := electproxy.Trial{
				Election: 10 * time.Second, Timing: mongolock.Timing{}.WithDefaults(), Elections: each,
				Database: fmt.Sprintf("elections_%d_%d", time.Now().UnixNano(), i),
			}
			for k := range faults { // each begins with another one
				trial.Faults = append(trial.Faults, faults[(i*each+k)%len(faults)])
			}
			report, gates, err := r.electionsOf(ctx, trial, server.Addr(), i)
			mu.Lock()
			defer mu.Unlock()
			if failed = append(failed, err); err == nil {
				all.Add(report)
				gated.add(gates)
			}
		})
	}
	sets.Wait()
	if err := errors.Join(failed...); err != nil {
		return "", err
	}
	text := all.Table(faults) + "\n" + all.Summary() + "\n\n" + gated.summary(all.Bears) + "\n"
	if wrong := append(all.Wrong, gated.wrong...); len(wrong) > 0 {
		return "", fmt.Errorf("elections: %s\n%s", strings.Join(wrong, "; "), text)
	}
	return text, nil
}

// gated is what became of the gates.
type gated struct {
	gates, runs, overlaps, faults int
	within, unborne               int // elections whose outage a lease bears, and those that cost a gate its lease all the same
	wrong                         []string
}

func (g *gated) add(o gated) {
	g.gates += o.gates
	g.runs += o.runs
	g.overlaps += o.overlaps
	g.faults += o.faults
	g.within += o.within
	g.unborne += o.unborne
	g.wrong = append(g.wrong, o.wrong...)
}

func (g *gated) summary(bears time.Duration) string {
	return fmt.Sprintf("%d gates, %d for each key, %d runs of their workloads: %d overlaps, %d other faults. %d elections with an outage below %v: %d cost a gate its lease.",
		g.gates, electproxy.Contenders, g.runs, g.overlaps, g.faults, g.within, bears.Round(100*time.Millisecond), g.unborne)
}

// electionsOf has the elections of one set, with gates beside the contenders of the library.
func (r *Rig) electionsOf(ctx context.Context, trial electproxy.Trial, target string, number int) (report *electproxy.Report, g gated, err error) {
	set, err := electproxy.New(target)
	if err != nil {
		return nil, g, err
	}
	defer set.Close()
	t, err := r.begin("elections", number)
	if err != nil {
		return nil, g, err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	services := t.serve(ctx, electproxy.Contenders, set.URI(), trial.Database)
	defer services.stop()
	begin, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := t.line(begin, "a gate runs", func(e witness.Entry) bool { return e.Event == witness.Start }); err != nil {
		return nil, g, err
	}
	trial.After = func(f electproxy.Fault, began time.Time, outage, stalled time.Duration) (disturbed bool) {
		if outage >= electproxy.Bears(trial.Timing) {
			return false
		}
		at := r.clock.Now() - time.Since(began)
		_, again, err := t.find(func(e witness.Entry) bool { return e.Event == witness.Start && e.At > at })
		if again && stalled >= electproxy.Excuses {
			return true
		}
		g.within++
		if again || err != nil {
			g.unborne++
			g.wrong = append(g.wrong, fmt.Sprintf("%s: a gate lost its lease by an outage of %v, the machine stalled for %v (%v)", f.Name, outage, stalled, err))
		}
		return false
	}
	if report, err = trial.RunOn(ctx, set); err != nil {
		return nil, g, err
	}
	if err := services.stop(); err != nil {
		return nil, g, fmt.Errorf("%w\n%s", err, t.story())
	}
	err = t.verdictOn(ctx, &g)
	return report, g, err
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
				g, err := t.rig.StartGate(Order{
					ID: fmt.Sprintf("%s.%d.%d", t.key, i, again), Owner: fmt.Sprint("gate-", i), Key: t.key, URI: uri,
					State: filepath.Join(t.dir, fmt.Sprint("state-", i)), Work: witness.Work{Log: t.logPath()},
					Flags: []string{"--database", database}, // with the default timing
				}, t.dir)
				if err != nil {
					s.failed(err)
					return
				}
				s.mu.Lock()
				t.gates = append(t.gates, g)
				s.mu.Unlock()
				want := lost
				select {
				case <-g.Ended():
				case <-s.quit:
					want = 128 + int(syscall.SIGTERM)
					_ = g.Signal(syscall.SIGTERM) // unless it has just lost
				}
				if err := t.ends(ctx, g, want); err != nil && g.Code() != lost {
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
func (t *Trial) verdictOn(ctx context.Context, g *gated) error {
	if err := t.cleared(ctx); err != nil {
		return err
	}
	begun, err := witness.Read(t.logPath())
	if err != nil {
		return err
	}
	for _, e := range begun {
		if e.Event != witness.Start {
			continue
		}
		if _, err := t.rig.observer.AwaitGone(ctx, t.log, t.key, e.ID); err != nil {
			return err
		}
	}
	entries, err := witness.Read(t.logPath())
	if err != nil {
		return err
	}
	v := witness.Judge(entries)
	g.gates, g.runs, g.overlaps, g.faults = electproxy.Contenders, len(v.Runs), len(v.Overlaps), len(v.Faults)-len(v.Overlaps)
	g.wrong = append(g.wrong, v.Faults...)
	return nil
}
