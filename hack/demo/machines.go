//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/witness"
)

const (
	reports = "reports"
	lost    = 88 // the exit code of a lost lock
)

func (s *show) hold(ctx context.Context) (err error) {
	s.step("Hold", "the command runs only while its lock is held")
	s.say("a", "mongogate run --key reports -- workload")
	if s.a, err = s.starts("a", reports, witness.Work{}); err != nil {
		return err
	}
	if _, err := s.runs(ctx, s.a, "holds the lock, fencing token TOKEN; the workload runs"); err != nil {
		return err
	}
	first := s.a.ID
	s.prove(func(v witness.Verdict) (string, error) {
		r := v.Of(first)
		if r == nil {
			return "a's workload ran", errors.New("no line of it")
		}
		return fmt.Sprintf("a's workload ran for %s under token %d", seconds(r.LastAlive-r.Start), r.Token), nil
	})
	return nil
}

func (s *show) refuse(ctx context.Context) (err error) {
	s.step("Refuse", "another machine wants the same lock")
	s.say("b", "mongogate run --key reports -- workload")
	if s.b, err = s.starts("b", reports, witness.Work{}); err != nil {
		return err
	}
	if err := s.Waits(ctx, s.b); err != nil {
		return err
	}
	waits := clock()
	s.say("b", "waits, its workload is not started; mongogate status says who holds the lock:")
	rows, err := s.mongogate(ctx, []string{"state", "owner", "since", "left"}, "status", reports)
	if err != nil {
		return err
	}
	for _, row := range rows {
		fmt.Fprintf(s.out, "               %s\n", row)
	}
	first, second := s.a.ID, s.b.ID
	if err := s.Renews(ctx, s.a); err != nil {
		return err
	}
	beat, err := s.BeatsOn(ctx, s.a)
	if err != nil {
		return err
	}
	until := beat.At
	s.say("b", "still waits: a has renewed its lease twice")
	s.prove(func(v witness.Verdict) (string, error) {
		claim := fmt.Sprintf("b waited for %s, and nothing of it ran while a's workload did", seconds(until-waits))
		a, b := v.Of(first), v.Of(second)
		if a == nil || b == nil || a.LastAlive < until || b.Start < a.LastAlive {
			return claim, fmt.Errorf("a %+v, b %+v", a, b)
		}
		return claim, nil
	})
	return nil
}

func (s *show) crash(ctx context.Context) error {
	s.step("Crash", "kill -9 of a's gate, its guard and its workload at once")
	killed := clock()
	if err := s.a.KillEverything(); err != nil {
		return err
	}
	s.at(s.when(killed), "a", "is dead, and cannot give the lock back")
	if _, err := s.Gone(ctx, s.a); err != nil {
		return err
	}
	t := timing()
	s.say("b", "takes over once it has seen a stand still for ttl + grace (%s)", seconds(t.Silence()))
	e, err := s.runs(ctx, s.b, "has taken over by itself, token TOKEN; its workload runs")
	if err != nil {
		return err
	}
	first, second := s.a.ID, s.b.ID
	bound := t.Silence() + t.TTL/6 + t.Operation
	s.prove(func(v witness.Verdict) (string, error) {
		a, b := v.Of(first), v.Of(second)
		claim := fmt.Sprintf("b's workload ran %s after the kill -9 (at most %s), never beside a's, with a higher token", seconds(e.At-killed), seconds(bound))
		if a == nil || b == nil || b.Start-killed > bound || b.Token <= a.Token || a.LastAlive > b.Start {
			return claim, fmt.Errorf("a %+v, b %+v", a, b)
		}
		return claim, nil
	})
	return nil
}

// frozen is what was seen while b's gate was frozen.
type frozen struct {
	sent, gone time.Duration
	while      bool // its gate still was, when its workload was gone
}

func (s *show) freeze(ctx context.Context) (err error) {
	s.step("Freeze", "b's gate is stopped (SIGSTOP), and can no longer renew")
	s.say("a", "is back, and waits")
	if s.a, err = s.starts("a", reports, witness.Work{}); err != nil {
		return err
	}
	if err := s.Waits(ctx, s.a); err != nil {
		return err
	}
	if err := s.b.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	s.say("b", "its gate is frozen; the guard beside it knows the deadline, and the kernel will wake the gate then")
	f := &s.frozen
	for end := time.Now().Add(time.Second); !f.while && time.Now().Before(end); time.Sleep(time.Millisecond) {
		gate, err := proctree.Look(s.b.PID())
		if err != nil {
			return err
		}
		f.while = gate.State == 'T' // proc(5): stopped by a signal, as soon as each thread is
	}
	lease, err := s.b.Lease()
	if err != nil {
		return err
	}
	f.sent = lease.Deadline - timing().Deadline(0)
	if f.gone, err = s.Gone(ctx, s.b); err != nil {
		return err
	}
	s.at(s.when(f.gone), "b", fmt.Sprintf("its workload is gone, %s after its last renewal was sent", seconds(f.gone-f.sent)))
	if err := s.Ends(ctx, s.b, lost); err != nil {
		return err
	}
	s.say("b", "its gate was woken, found the lock lost and nothing left, and exits with %d", lost)
	if _, err := s.runs(ctx, s.a, "has the lock, token TOKEN; its workload runs"); err != nil {
		return err
	}
	if err := s.Stop(ctx, s.a); err != nil {
		return err
	}
	s.say("a", "is told to stop (SIGTERM); its workload ends, and the lock is free")
	first, second := s.b.ID, s.a.ID
	s.prove(func(v witness.Verdict) (string, error) { return f.proved(v, first, second) })
	return nil
}

func (f *frozen) proved(v witness.Verdict, first, second string) (string, error) {
	b, a := v.Of(first), v.Of(second)
	claim := fmt.Sprintf("b's workload was gone %s after its last renewal (ttl %v), though its gate was frozen; then a's ran, with a higher token", seconds(f.gone-f.sent), ttl)
	if a == nil || b == nil || !f.while || f.gone-f.sent > ttl || a.Start < b.LastAlive || a.Token <= b.Token {
		return claim, fmt.Errorf("%+v; b %+v, a %+v", *f, b, a)
	}
	return claim, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
