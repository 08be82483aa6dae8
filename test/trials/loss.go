//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/witness"
)

// loss is one way to lose a lease.
type loss struct {
	name string
	// excused: the promise is left on purpose, two may run for a while.
	excused bool
	work    witness.Work
	// strike is the fault; nil: the command ends by itself and leaves something behind.
	strike func(context.Context, *Trial, *Gate) error
	// code is the holder's exit code, -1 where it is killed.
	code int
	// dead: the gate does not act any more, its lease file may be older than its last renewal.
	dead bool
	// atOnce: whoever is left knows of the loss at once, and does not wait for the deadline.
	atOnce bool
}

// The exit code of a lost lock.
const lost = 88

func cut(_ context.Context, t *Trial, _ *Gate) error {
	t.proxy.Cut()
	return nil
}

func freeze(_ context.Context, t *Trial, _ *Gate) error {
	t.proxy.Freeze()
	return nil
}

func signalGate(sig syscall.Signal) func(context.Context, *Trial, *Gate) error {
	return func(_ context.Context, _ *Trial, g *Gate) error { return g.Signal(sig) }
}

func killGuard(_ context.Context, _ *Trial, g *Gate) error { return g.guard.Signal(syscall.SIGKILL) }

// steal is what an operator does who does not wait: the waiting challenger takes the lock at once.
func steal(ctx context.Context, t *Trial, _ *Gate) error {
	cmd := exec.CommandContext(ctx, t.rig.Mongogate, "force-release", "--now", "--yes", "--database", t.rig.database, t.key)
	cmd.Env = []string{"MONGOGATE_URI=" + t.rig.Server.URI}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("force-release --now: %w\n%s", err, said)
	}
	return nil
}

func deleteLock(ctx context.Context, t *Trial, _ *Gate) error {
	res, err := t.rig.locks().DeleteOne(ctx, bson.D{{Key: "_id", Value: t.key}})
	if err == nil && res.DeletedCount != 1 {
		err = fmt.Errorf("%d documents deleted", res.DeletedCount)
	}
	return err
}

// The ways to lose a lease in which the gate lives, and those in which it does not.
var (
	cutOff    = loss{name: "database cut", strike: cut, code: lost}
	frozenOff = loss{name: "database frozen", strike: freeze, code: lost}
	gateStop  = loss{name: "gate SIGSTOP", strike: signalGate(syscall.SIGSTOP), code: lost, dead: true}
	gateKill  = loss{name: "gate SIGKILL", strike: signalGate(syscall.SIGKILL), code: -1, dead: true, atOnce: true}
	guardKill = loss{name: "guard SIGKILL", strike: killGuard, code: lost, atOnce: true}
)

// losses are all kinds; n varies those that go with several faults.
func losses(n int) []loss {
	faults := []loss{cutOff, gateStop, guardKill, gateKill, frozenOff}
	with := func(name string, l loss, w witness.Work) loss {
		l.name, l.work = name, w
		return l
	}
	return []loss{
		cutOff, frozenOff, gateStop, gateKill, guardKill,
		{name: "lock stolen by an operator", strike: steal, code: lost, excused: true},
		{name: "document deleted", strike: deleteLock, code: lost, excused: true},
		with("SIGTERM ignored", cutOff, witness.Work{Deaf: true}),
		with("forks twice, another parent", faults[n%len(faults)], witness.Work{Daemon: true}),
		{name: "ends and leaves a daemon", work: witness.Work{Daemon: true}, code: 0},
	}
}

// try is the trial of one loss.
func (l loss) try(ctx context.Context, t *Trial) (m Measure, err error) {
	phase := rand.N(heartbeat) // at any moment between two renewals
	if l.strike == nil {
		l.work.For = 1500*time.Millisecond + phase
	}
	a, err := t.holder(ctx, l.work)
	if err != nil {
		return m, err
	}
	b, err := t.start("b", false, witness.Work{})
	if err != nil {
		return m, err
	}
	fault, err := l.happens(ctx, t, a, b, phase)
	if err != nil {
		return m, err
	}
	gone, err := t.Gone(ctx, a)
	if err != nil {
		return m, err
	}
	sent, err := t.acknowledged(a, fault, l.dead)
	if err != nil {
		return m, err
	}
	if l.strike == nil {
		sent = min(sent, fault) // renewals go on while the daemon is stopped
	}
	m, late := t.took(sent, gone, ttl, "after the last acknowledged renewal had been sent, the workload was verified gone")
	if late == nil && l.atOnce {
		_, late = t.took(fault, gone, budget, "after the fault, which is seen at once, the workload was verified gone")
	}
	if err := t.handedOver(ctx, l, a, b); err != nil {
		return m, err
	}
	v, err := t.judge()
	if err != nil {
		return m, err
	}
	m.Excused = v.Excused
	if v.Excused > 0 && !l.excused {
		return m, fmt.Errorf("%d overlaps were excused, nothing was to be", v.Excused)
	}
	return m, late
}

// happens brings the fault about and returns the instant before it.
func (l loss) happens(ctx context.Context, t *Trial, a, b *Gate, phase time.Duration) (time.Duration, error) {
	if l.strike == nil {
		e, err := t.Line(ctx, a.ID+" ends", func(e witness.Entry) bool { return e.ID == a.ID && e.Event == witness.End })
		if err == nil && e.Note != "" {
			err = fmt.Errorf("%w: %s", errDisturbed, e.Note)
		}
		return e.At, err
	}
	if err := t.Waits(ctx, b); err != nil {
		return 0, err
	}
	if err := t.anyMoment(ctx, a, phase); err != nil {
		return 0, err
	}
	if l.excused {
		if err := t.log.Write(witness.Entry{Event: witness.Excuse, Key: t.key, Note: l.name}); err != nil {
			return 0, err
		}
	}
	fault := t.rig.clock.Now()
	if err := l.strike(ctx, t, a); err != nil {
		return 0, fmt.Errorf("%s: %w", l.name, err)
	}
	return fault, nil
}

// handedOver: the challenger runs, the holder comes back to itself, finds that
// it has lost, and ends; then the challenger is stopped and nothing is left.
func (t *Trial) handedOver(ctx context.Context, l loss, a, b *Gate) error {
	if _, err := t.Started(ctx, b); err != nil {
		return err
	}
	t.proxy.Heal()
	if l.dead && l.code >= 0 {
		if err := a.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) { // its own timer may have woken it
			return fmt.Errorf("thawing gate a: %w", err)
		}
	}
	if err := t.Ends(ctx, a, l.code); err != nil {
		return err
	}
	if l.code == lost && !strings.Contains(a.Said(), "lost") {
		return fmt.Errorf("gate %s does not say that it has lost the lock", a.ID)
	}
	// It would show if the holder that came back did something to the challenger's lease.
	return t.runsOn(ctx, b)
}

// anyMoment is one between two renewals or, every third time, between the
// acquisition and the first one. The holder lives then.
func (t *Trial) anyMoment(ctx context.Context, g *Gate, phase time.Duration) error {
	if t.n%3 != 2 {
		if err := t.Renews(ctx, g); err != nil {
			return err
		}
	}
	time.Sleep(phase)
	return g.Lives()
}
