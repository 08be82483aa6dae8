//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mongogate/mongogate/test/witness"
)

// takeOver is the trial of a hand-over after kill -9 of gate, guard and
// workload: to one who was waiting, or to one who comes only then.
func takeOver(waiting bool) func(context.Context, *Trial) (Measure, error) {
	return func(ctx context.Context, t *Trial) (m Measure, err error) {
		a, err := t.holder(ctx, witness.Work{})
		if err != nil {
			return m, err
		}
		var b *Gate
		if waiting {
			if b, err = t.start("b", false, witness.Work{}); err != nil {
				return m, err
			}
			if err := t.Waits(ctx, b); err != nil {
				return m, err
			}
		}
		killed, err := t.kill(ctx, a)
		if err != nil {
			return m, err
		}
		from := killed
		if !waiting {
			from = t.rig.clock.Now()
			if b, err = t.start("b", false, witness.Work{}); err != nil {
				return m, err
			}
		}
		first, err := t.Started(ctx, b)
		if err != nil {
			return m, err
		}
		runs := first.At
		m, late := t.took(from, runs, handOver, "the challenger's workload ran")
		if silent := runs - t.lastArrival(killed); silent < ttl+grace {
			return m, fmt.Errorf("taken over after %v of silence, sooner than ttl + grace", silent)
		}
		if err := t.over(ctx, b); err != nil {
			return m, err
		}
		return m, late
	}
}

// kill is kill -9 of everything at any moment between two renewals. It returns the instant before.
func (t *Trial) kill(ctx context.Context, a *Gate) (time.Duration, error) {
	if err := t.anyMoment(ctx, a, rand.N(heartbeat)); err != nil {
		return 0, err
	}
	killed := t.rig.clock.Now()
	if err := a.KillEverything(); err != nil {
		return 0, fmt.Errorf("kill -9 of everything: %w", err)
	}
	if _, err := t.Gone(ctx, a); err != nil {
		return 0, err
	}
	return killed, t.Ends(ctx, a, -1)
}

// lastArrival is when the holder's last renewal before an instant reached the proxy, of those that were answered.
func (t *Trial) lastArrival(before time.Duration) time.Duration {
	t.answering.Lock()
	defer t.answering.Unlock()
	last := time.Duration(0)
	for _, a := range t.answers {
		if a.arrived < before {
			last = max(last, a.arrived)
		}
	}
	return last
}

// skip is the trial of a scheduled run whose winner crashes: somebody runs it,
// nobody skips without proof. Two contenders start after the crash, one of
// them, every other time, as the same Job's retry.
func skip(ctx context.Context, t *Trial) (m Measure, err error) {
	flags := func(cluster, job string) []string {
		return []string{"--bucket", "7d", "--cluster", cluster, "--job-uid", job, "--if-held", "skip"}
	}
	a, err := t.holder(ctx, witness.Work{}, flags("c1", "job-1")...)
	if err != nil {
		return m, err
	}
	if _, err := t.kill(ctx, a); err != nil {
		return m, err
	}
	again := "job-1"
	if t.n%2 == 1 {
		again = "job-1-of-another"
	}
	from := t.rig.clock.Now()
	work := witness.Work{For: 2 * time.Second}
	b, err := t.start("b", false, work, flags("c1", again)...)
	if err != nil {
		return m, err
	}
	c, err := t.start("c", false, work, flags("c2", "job-2")...)
	if err != nil {
		return m, err
	}
	first, err := t.Line(ctx, "somebody runs it", func(e witness.Entry) bool {
		return e.Event == witness.Start && (e.ID == b.ID || e.ID == c.ID)
	})
	if err != nil {
		return m, err
	}
	m, late := t.took(from, first.At, handOver, "somebody ran it")
	runner, other := b, c
	if first.ID == c.ID {
		runner, other = c, b
	}
	if _, err := t.Gone(ctx, runner); err != nil {
		return m, err
	}
	// Its own success in good order, and the other's skip with a reason.
	if err := errors.Join(t.Ends(ctx, runner, 0), t.Ends(ctx, other, 0)); err != nil {
		return m, err
	}
	if err := skipped(other); err != nil {
		return m, err
	}
	// One who comes when all is over skips on the record.
	d, err := t.start("d", false, work, flags("c3", "job-3")...)
	if err != nil {
		return m, err
	}
	if err := errors.Join(t.Ends(ctx, d, 0), skipped(d), t.cleared(ctx)); err != nil {
		return m, err
	}
	v, err := t.judge()
	if err != nil {
		return m, err
	}
	if len(v.Runs) != 2 || v.Of(runner.ID).Ended == 0 {
		return m, fmt.Errorf("%d workloads ran, want the one that crashed and one that ended well", len(v.Runs))
	}
	return m, late
}

func skipped(g *Gate) error {
	said := strings.Split(g.Said(), "\n")
	if !slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "skipped:") }) {
		return fmt.Errorf("gate %s did not run and does not say why", g.ID)
	}
	return nil
}
