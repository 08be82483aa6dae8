//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// diagnosis is what doctor says.
type diagnosis struct {
	Settings   []setting            `json:"settings"`
	Key        string               `json:"key,omitempty"`
	Run        []string             `json:"run,omitempty"`
	Arithmetic []string             `json:"arithmetic"`
	Protection []string             `json:"protection"`
	Store      *mongolock.StoreInfo `json:"store,omitempty"`
	Findings   []mongolock.Finding  `json:"findings,omitempty"`
	// Unreachable is why the store could not be looked at: then nothing is known of it, safe or not.
	Unreachable string `json:"unreachable,omitempty"`
}

// setting is a [settings.Source] with the names that it has in JSON and YAML.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	From  string `json:"from"`
}

func settingsOf(s *settings.Settings) []setting {
	var all []setting
	for _, v := range s.Sources() {
		all = append(all, setting(v))
	}
	return all
}

func newDoctor(w world) *cobra.Command {
	var index bool
	c := command(w, about{
		use: "doctor [flags]", group: viewGroup,
		short: "Check settings, safety arithmetic and store",
		long: `Shows the origin of every setting, whether the times add up, which protection is
in force and what it does not cover, and what in the store can make a lock unsafe. Exit code 1 if
something is unsafe, or if nobody may take the lock.`,
		examples: []string{
			"mongogate doctor --ttl 60s",
			"mongogate doctor --create-index",
		},
	},
		exactly(0), func(c *cobra.Command, s *settings.Settings, _ []string) error {
			return doctor(c.Context(), w, s, index)
		})
	c.Flags().BoolVar(&index, "create-index", false, "create the TTL index that removes records of finished runs")
	return c
}

func doctor(ctx context.Context, w world, s *settings.Settings, index bool) error {
	d := diagnosis{Settings: settingsOf(s), Arithmetic: arithmetic(s), Protection: protection(s)}
	if r, err := s.ResolveKey(); err == nil {
		d.Key, d.Run = r.Key, agent.RunFacts(s, r)
		d.Findings = append(d.Findings, findings("", s.StartWarnings(r))...)
		d.Findings = append(d.Findings, findings("run refuses this: ", s.Ineffective(r))...)
	} else if wrong := new(settings.Error); errors.As(err, &wrong) {
		d.Findings = findings("", wrong.Problems)
	}
	d.Findings = append(d.Findings, agent.KubeFindings(ctx, w.World, s)...)
	l, done, err := openViewer(s, func(o *mongolock.Options) { o.Keep = keep(s) })
	if err != nil {
		return err
	}
	defer done()
	if index {
		if err := l.CreateIndex(ctx); err != nil {
			return err
		}
	}
	store, err := l.Check(ctx)
	if err != nil {
		d.Unreachable = err.Error()
	} else {
		d.Findings = append(d.Findings, store.Findings...)
		store.Findings = nil
		d.Store = &store
		if p := (problem.Problem{}); errors.As(agent.OtherStore(s, store.Fingerprint), &p) {
			d.Findings = append(d.Findings, mongolock.Finding{Fatal: true, Problem: p})
		}
	}
	if err := render(w.stdout, s.Output, d, d.table); err != nil {
		return err
	}
	for _, f := range d.Findings {
		if f.Fatal {
			return &agent.Exit{Code: agent.ExitFailed, Err: fmt.Errorf("doctor: %w", f.Problem)}
		}
	}
	if err != nil {
		return &agent.Exit{Code: agent.ExitUnavailable, Err: fmt.Errorf("doctor: the store could not be looked at: %w", err)}
	}
	return nil
}

// findings are problems that leave the store safe, with what they come to before each.
func findings(what string, problems []problem.Problem) []mongolock.Finding {
	var all []mongolock.Finding
	for _, p := range problems {
		p.Message = what + p.Message
		all = append(all, mongolock.Finding{Problem: p})
	}
	return all
}

func (d diagnosis) table(t *table) {
	t.row("SETTING", "VALUE", "FROM")
	for _, s := range d.Settings {
		t.row(s.Name, dash(s.Value), s.From)
	}
	section := func(name string, lines []string) {
		t.row()
		t.row(name)
		for _, l := range lines {
			t.row("  " + l)
		}
	}
	section("key", []string{dash(d.Key)})
	if len(d.Run) > 0 {
		section("run", d.Run)
	}
	section("arithmetic", d.Arithmetic)
	section("protection", d.Protection)
	if d.Store != nil {
		section("store", []string{fmt.Sprintf("%s (%s, %s)", d.Store.Fingerprint, d.Store.Kind, d.Store.Version)})
	}
	var lines []string
	if d.Unreachable != "" {
		lines = append(lines, "UNREACHABLE: "+d.Unreachable+"; check the URI, the network and the user's rights")
	}
	for _, f := range d.Findings {
		weight := "warning: "
		switch {
		case f.Unusable:
			weight = "UNUSABLE: "
		case f.Fatal:
			weight = "UNSAFE: "
		}
		lines = append(lines, weight+f.String())
	}
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	section("findings", lines)
}

// arithmetic spells the safety sums out.
func arithmetic(s *settings.Settings) []string {
	t, b := s.Timing(), s.Budget()
	return []string{
		fmt.Sprintf("local deadline: ttl %v − kill budget %v − drift %v = %v after a renewal was sent", t.TTL, t.KillBudget, t.Drift(), t.Deadline(0)),
		fmt.Sprintf("one failed renewal is survived: heartbeat %v + 2 × operation %v = %v ≤ %v", t.Heartbeat, t.Operation, t.Heartbeat+2*t.Operation, t.Deadline(0)),
		fmt.Sprintf("the workload is gone by: SIGTERM at the deadline, SIGKILL %v later (≤ ¾ × %v), nothing left at %v, before the ttl ends", b.KillAfter, b.Kill, t.Deadline(0)+b.Kill),
		fmt.Sprintf("a challenger takes over after %v of silence (ttl %v + grace %v), measured on its own clock", t.Silence(), t.TTL, t.Grace),
	}
}

func protection(s *settings.Settings) []string {
	run := settings.Protections[0]
	all := []string{
		"run: " + run.Does + ": the promise. Not covered: " + run.Open + ", writes past the protocol",
		"run, against the command itself, on this machine: " + agent.Layers(s),
	}
	for _, p := range s.InForce() {
		all = append(all, "sidecar, by these settings: "+p.Name+": "+p.Does+". Not covered: "+p.Open)
	}
	return append(all,
		"sidecar: only run --follow beside it gives the promise. Its twin acts for a gate that is killed, stopped or hangs; not covered: both killed or frozen together",
		"init alone: nothing after ttl + grace")
}

// keep is how long records of runs are kept, where there are runs: zero without buckets.
func keep(s *settings.Settings) time.Duration {
	r, err := s.ResolveKey()
	if err != nil || r.Bucket == "" {
		return 0
	}
	return max(s.Retention, time.Second)
}
