//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/trials"
	"github.com/mongogate/mongogate/test/witness"
)

// ttl is that of every lease of the show; all other times follow from it.
const ttl = 5 * time.Second

func timing() mongolock.Timing { return mongolock.Timing{TTL: ttl}.WithDefaults() }

// show is what the acts share.
type show struct {
	*paper
	binaries trials.Binaries
	uri, dir string

	path     string
	log      *witness.Log
	reader   *witness.Reader
	seen     []witness.Entry
	observer *witness.Observer
	gates    []*trials.Gate
	// a and b are the machines' gates at the moment.
	a, b *trials.Gate
	// proofs are asked at the end, one for each step.
	proofs []proof
	frozen frozen
}

// proof says whether the witness's log proves a step, and what it proves.
type proof func(witness.Verdict) (string, error)

func (s *show) close() error {
	for _, g := range s.gates {
		g.Clear()
	}
	s.observer.Close()
	return s.log.Close()
}

// start starts a gate on a machine or in a cluster. Its workload is known by machine and number.
func (s *show) start(machine, key string, work witness.Work, flags ...string) (*trials.Gate, error) {
	work.Log = s.path
	n := 1
	for _, g := range s.gates {
		if g.Owner == machine {
			n++
		}
	}
	g, err := s.binaries.StartGate(trials.Order{
		ID: fmt.Sprintf("%s-%d", machine, n), Owner: machine, Key: key, URI: s.uri,
		State: filepath.Join(s.dir, "machine-"+machine), Work: work,
		Flags: append([]string{"--database", database, "--ttl", ttl.String()}, flags...),
	}, s.dir)
	if err == nil {
		s.gates = append(s.gates, g)
	}
	return g, err
}

// patience is how long anything in the show may take.
const patience = 30 * time.Second

func (s *show) until(ctx context.Context, what string, done func() bool) error {
	end := time.Now().Add(patience)
	for !done() {
		if time.Now().After(end) {
			return fmt.Errorf("not seen in %v: %s%s", patience, what, s.logs())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// logs are for the case that the show fails.
func (s *show) logs() string {
	var all strings.Builder
	for _, g := range s.gates {
		fmt.Fprintf(&all, "\n--- log of %s\n%s", g.ID, g.Said())
	}
	return all.String()
}

// line waits for a line of the witness's log.
func (s *show) line(ctx context.Context, what string, wanted func(witness.Entry) bool) (e witness.Entry, err error) {
	var failed error
	err = s.until(ctx, what, func() bool {
		added, err := s.reader.Next()
		s.seen = append(s.seen, added...)
		i := slices.IndexFunc(s.seen, wanted)
		if i >= 0 {
			e = s.seen[i]
		}
		failed = err
		return i >= 0 || err != nil
	})
	return e, errors.Join(err, failed)
}

// runs waits until a gate's workload has written its first line.
func (s *show) runs(ctx context.Context, g *trials.Gate) (witness.Entry, error) {
	e, err := s.line(ctx, "the workload of "+g.ID, func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Start })
	if err == nil {
		_, err = g.FindGuard()
	}
	return e, err
}

// beats waits for a new beat of a workload, and gives its instant.
func (s *show) beats(ctx context.Context, g *trials.Gate) (time.Duration, error) {
	from := clock()
	e, err := s.line(ctx, "a beat of "+g.ID, func(e witness.Entry) bool { return e.ID == g.ID && e.Event == witness.Beat && e.At >= from })
	return e.At, err
}

// renews waits until a gate's deadline has moved on.
func (s *show) renews(ctx context.Context, g *trials.Gate) error {
	before, err := g.Lease()
	if err != nil {
		return err
	}
	return s.until(ctx, g.ID+" renews", func() bool {
		now, err := g.Lease()
		return err == nil && now.Deadline > before.Deadline
	})
}

// says waits for a line of a gate's log and gives its text, without what follows in braces.
func (s *show) says(ctx context.Context, g *trials.Gate, part string) (line string, err error) {
	err = s.until(ctx, fmt.Sprintf("%q in the log of %s", part, g.ID), func() bool {
		for l := range strings.Lines(g.Said()) {
			if _, rest, ok := strings.Cut(l, part); ok {
				rest, _, _ = strings.Cut(rest, " {")
				line = strings.TrimSpace(part + rest)
				return true
			}
		}
		return false
	})
	return line, err
}

// gone waits until the witness has verified that nothing of a workload is left.
func (s *show) gone(ctx context.Context, g *trials.Gate) (time.Duration, error) {
	key, _, _ := strings.Cut(g.Key, "@")
	return s.observer.AwaitGone(ctx, s.log, key, g.ID)
}

func (s *show) ended(ctx context.Context, g *trials.Gate) (code int, err error) {
	select {
	case <-g.Ended():
		return g.Code(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(patience):
		return 0, fmt.Errorf("gate %s has not ended%s", g.ID, s.logs())
	}
}

// clock is the witness's.
func clock() time.Duration { return gate.BootClock().Now() }

// when is an instant of the witness's clock on the show's.
func (s *show) when(at time.Duration) time.Duration {
	return time.Since(s.paper.start) - (clock() - at)
}

// mongogate runs a subcommand for people and gives the rows that it prints of these names.
func (s *show) mongogate(ctx context.Context, rows []string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, s.binaries.Mongogate, append(args, "--database", database)...)
	cmd.Env = []string{"MONGOGATE_URI=" + s.uri}
	said, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mongogate %s: %w", args[0], err)
	}
	var lines []string
	for line := range strings.Lines(string(said)) {
		if name, _, _ := strings.Cut(line, " "); slices.Contains(rows, name) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, nil
}
