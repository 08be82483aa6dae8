//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
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

// patience is how long an act of the show may take.
const patience = time.Minute

func timing() mongolock.Timing { return mongolock.Timing{TTL: ttl}.WithDefaults() }

// show is what the acts share.
type show struct {
	*paper
	*trials.Scene
	rig     *trials.Rig
	started map[string]int // gates of each machine
	// a and b are the machines' gates at the moment.
	a, b *trials.Gate
	// proofs are asked at the end, one for each step.
	proofs []proof
	frozen frozen
}

// proof says whether the witness's log proves a step, and what it proves.
type proof func(witness.Verdict) (string, error)

// starts starts a gate on a machine or in a cluster. Its workload is known by machine and number.
func (s *show) starts(machine, key string, work witness.Work, flags ...string) (*trials.Gate, error) {
	s.started[machine]++
	return s.Start(trials.Order{
		ID: fmt.Sprintf("%s-%d", machine, s.started[machine]), Owner: machine, Key: key, Work: work,
		Flags: append([]string{"--ttl", ttl.String()}, flags...),
	})
}

// runs waits until a gate's workload runs, and tells.
func (s *show) runs(ctx context.Context, g *trials.Gate, text string) (witness.Entry, error) {
	e, err := s.Holds(ctx, g)
	if err == nil {
		s.at(s.when(e.At), g.Owner, strings.ReplaceAll(text, "TOKEN", fmt.Sprint(e.Token)))
	}
	return e, err
}

// clock is the witness's.
func clock() time.Duration { return gate.BootClock().Now() }

// when is an instant of the witness's clock on the show's.
func (s *show) when(at time.Duration) time.Duration {
	return time.Since(s.start) - (clock() - at)
}

// mongogate runs a subcommand for people and gives the rows that it prints of these names.
func (s *show) mongogate(ctx context.Context, rows []string, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, s.rig.Mongogate, append(args, "--database", database)...)
	cmd.Env = []string{"MONGOGATE_URI=" + s.rig.Server.URI}
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
