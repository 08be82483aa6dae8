//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mongogate/mongogate/test/trials"
	"github.com/mongogate/mongogate/test/witness"
)

// scheduled starts one run of a job in a cluster. Its bucket is the week, so
// that no midnight falls into the show.
func (s *show) scheduled(cluster, job string, work witness.Work, flags ...string) (*trials.Gate, error) {
	return s.starts(cluster, job+"@{{.Bucket}}", work,
		append([]string{"--bucket", "7d", "--cluster", cluster, "--job-uid", cluster + "-" + job}, flags...)...)
}

func (s *show) once(ctx context.Context) error {
	s.step("Once", "the same scheduled run in two clusters, c1 and c2")
	s.say("", "both: mongogate run --key 'backup@{{.Bucket}}' --bucket 7d --if-held skip -- workload")
	c1, err := s.scheduled("c1", "backup", witness.Work{For: 4 * time.Second}, "--if-held", "skip")
	if err != nil {
		return err
	}
	if _, err := s.runs(ctx, c1, "runs it"); err != nil {
		return err
	}
	c2, err := s.scheduled("c2", "backup", witness.Work{}, "--if-held", "skip")
	if err != nil {
		return err
	}
	if err := s.skips(ctx, c2); err != nil {
		return err
	}
	if err := s.succeeds(ctx, c1); err != nil {
		return err
	}
	late, err := s.scheduled("c2", "backup", witness.Work{})
	if err != nil {
		return err
	}
	if err := s.skips(ctx, late); err != nil {
		return err
	}
	s.prove(func(v witness.Verdict) (string, error) {
		claim := "one of two clusters ran backup, once and to its end"
		if of := runsOf(v, "backup"); len(of) != 1 || of[0].ID != c1.ID || of[0].Ended == 0 {
			return claim, fmt.Errorf("%+v", of)
		}
		return claim, nil
	})
	return nil
}

// again: a run that fails is not done, and whoever stands by runs it.
func (s *show) again(ctx context.Context) error {
	const failure = 3
	s.step("Again", "a run that fails is run again by the other cluster")
	c1, err := s.scheduled("c1", "invoices", witness.Work{For: 1500 * time.Millisecond, Exit: failure})
	if err != nil {
		return err
	}
	if _, err := s.runs(ctx, c1, "runs invoices"); err != nil {
		return err
	}
	c2, err := s.scheduled("c2", "invoices", witness.Work{For: time.Second})
	if err != nil {
		return err
	}
	if err := s.Waits(ctx, c2); err != nil {
		return err
	}
	s.say("c2", "stands by, as it does without --if-held skip")
	if _, err := s.Gone(ctx, c1); err != nil {
		return err
	}
	if err := s.Ends(ctx, c1, failure); err != nil {
		return err
	}
	s.say("c1", "has failed: its exit code is its workload's, %d", failure)
	if _, err := s.runs(ctx, c2, "runs it"); err != nil {
		return err
	}
	if err := s.succeeds(ctx, c2); err != nil {
		return err
	}
	s.prove(func(v witness.Verdict) (string, error) {
		claim := "c1 ran invoices and failed; then c2 ran it to its end, with a higher token"
		of := runsOf(v, "invoices")
		if len(of) != 2 || of[0].ID != c1.ID || of[1].ID != c2.ID {
			return claim, fmt.Errorf("%+v", of)
		}
		return claim, nil
	})
	return nil
}

// skips waits for a gate that does not run its command, and tells its reason.
func (s *show) skips(ctx context.Context, g *trials.Gate) error {
	line, err := s.Says(ctx, g, "skipped: ")
	if err != nil {
		return err
	}
	if err := s.Ends(ctx, g, 0); err != nil {
		return err
	}
	_, why, _ := strings.Cut(line, "skipped: ")
	why, _, _ = strings.Cut(why, " {")
	s.say(g.Owner, "skipped: %s, exit code 0", strings.TrimSpace(why))
	return nil
}

func (s *show) succeeds(ctx context.Context, g *trials.Gate) error {
	if _, err := s.Gone(ctx, g); err != nil {
		return err
	}
	if err := s.Ends(ctx, g, 0); err != nil {
		return err
	}
	s.say(g.Owner, "is done, exit code 0; the record says so to all who come later")
	return nil
}

func runsOf(v witness.Verdict, key string) []witness.Run {
	var of []witness.Run
	for _, r := range v.Runs {
		if r.Key == key {
			of = append(of, r)
		}
	}
	return of
}

func (s *show) prove(p proof) { s.proofs = append(s.proofs, p) }

// verdict reads the witness's log and asks for the proof of every step.
func (s *show) verdict(context.Context) error {
	entries, err := witness.Read(s.Log())
	if err != nil {
		return err
	}
	v := witness.Judge(entries)
	s.title(fmt.Sprintf("The witness, outside of all gates, from %d lines of its log", len(entries)))
	var failed error
	for i, prove := range s.proofs {
		claim, err := prove(v)
		s.proof(err == nil, fmt.Sprintf("%d. %s", i+1, claim))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("step %d is not proved: %w", i+1, err))
		}
	}
	s.proof(v.Clean(), fmt.Sprintf("in all: %d workloads, never two of one key at once, and every token higher than the one before", len(v.Runs)))
	for _, f := range v.Faults {
		failed = errors.Join(failed, errors.New(f))
	}
	if left := s.Left(); len(left) > 0 {
		failed = errors.Join(failed, fmt.Errorf("left behind: %s", strings.Join(left, ", ")))
	}
	if failed != nil {
		return failed
	}
	s.say("", "the end; no process is left")
	return nil
}
