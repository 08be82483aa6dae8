//go:build linux

package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	dto "github.com/prometheus/client_model/go"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// oneLease is a lock that is had at once, its lease, and a workload that is warned and gone.
type oneLease struct {
	gate.Workload
	finished, left int
	warned         chan struct{}
}

// oneHeld is the lease alone: a gate's workload and its lease have methods of the same names.
type oneHeld struct {
	mongolock.AnyLease
	one *oneLease
}

func (l *oneLease) acquire(context.Context) (mongolock.AnyLease, error) { return &oneHeld{one: l}, nil }

func (l *oneLease) finish(context.Context, mongolock.AnyLease, mongolock.Outcome) error {
	l.finished++
	return nil
}
func (l *oneLease) Warn(string) <-chan struct{} { return l.warned }
func (h *oneHeld) Key() string                  { return "key" }
func (h *oneHeld) Leave()                       { h.one.left++ }

// notedLock is a lock whose holds are noted.
func notedLock(e *epochs, one *oneLease) *lock {
	ses := &session{s: &settings.Settings{TTL: 30 * time.Second}, log: logr.Discard()}
	return &lock{ses: ses, epochs: e, keys: one}
}

// notedRig is a state directory with an epoch, and what notes it.
func notedRig(t *testing.T) (*epochs, *statedir.Dir) {
	t.Helper()
	base := t.TempDir()
	now, err := statedir.BeginEpoch(base)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := statedir.Open(base, "key")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.TryLock(); err != nil {
		t.Fatal(err)
	}
	return &epochs{dir: dir, now: now}, dir
}

// A workload that has ended is forgotten, unless a loss has ended it: the
// kubelet starts its container again, with or without the gate.
func TestEpochNoteOutlivesALoss(t *testing.T) {
	for name, test := range map[string]struct{ lost, ended, noted bool }{
		"ended":              {false, true, false},
		"killed for a loss":  {true, true, true},
		"not yet seen ended": {true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, dir := notedRig(t)
			one := &oneLease{}
			lock := notedLock(e, one)
			lease, err := lock.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			work := lock.ses.accompanied(one, e)
			if test.lost {
				<-work.Warn("lost")
			}
			if test.ended {
				if err := lease.Finish(t.Context(), gate.Failed); err != nil || one.finished != 1 {
					t.Errorf("%v, finished %d times", err, one.finished)
				}
			}
			if h, err := dir.Held(); err != nil || (h.Epoch == e.now) != test.noted {
				t.Errorf("noted: %+v %v; it is to be there: %v", h, err, test.noted)
			}
		})
	}
}

// A state directory that hangs holds up neither a loss nor an end, nor a probe that asks why the lock is not acquired.
func TestEpochNoteThatHangs(t *testing.T) {
	e, dir := notedRig(t)
	one := &oneLease{}
	lock := notedLock(e, one)
	lease, err := lock.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.noting.Lock() // a write that does not return
	defer func() {
		_ = dir.Close() // what comes later writes nothing
		e.noting.Unlock()
	}()
	begun := time.Now()
	work := lock.ses.accompanied(one, e)
	warned := work.Warn("lost")
	if took := time.Since(begun); took > noteWithin/2 {
		t.Errorf("the loss took %v", took)
	}
	<-warned
	if e.Refused() != nil {
		t.Error("refused")
	}
	if err := lease.Finish(t.Context(), gate.Failed); err != nil || one.finished != 1 {
		t.Errorf("%v, finished %d times", err, one.finished)
	}
	if took := time.Since(begun); took > 3*noteWithin {
		t.Errorf("loss and end took %v", took)
	}
}

// The gate before this one still had its flock when this one began, and what it had noted could not be judged: it is once the lock is
// had. If that is then for nobody, this gate asks for the restart; it does not adopt the lease forever beside a workload that it will not stop.
func TestEpochIsJudgedLate(t *testing.T) {
	e, dir := notedRig(t)
	if err := dir.NoteHold(statedir.Hold{Epoch: e.now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	one := &oneLease{}
	_, err := notedLock(e, one).Acquire(ctx)
	if CodeOf(err) != ExitLost {
		t.Errorf("%v, want the end with which the restart is asked for", err)
	}
	if one.left != 1 {
		t.Errorf("the lease was left %d times", one.left)
	}
	if err := e.tries(); err != nil { // as at the end of the process
		t.Fatal(err)
	}
	if h, err := dir.Held(); err != nil || !h.Tried {
		t.Errorf("%+v, %v: the next gate would ask once more", h, err)
	}
}

// A hold that cannot be noted is left: it is neither used nor given back, for something may run beside this gate.
func TestHoldThatCannotBeNotedIsLeft(t *testing.T) {
	e, dir := notedRig(t)
	if err := dir.Close(); err != nil { // without the flock nothing is noted
		t.Fatal(err)
	}
	one := &oneLease{}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var wait *mongolock.WaitError
	if _, err := notedLock(e, one).Acquire(ctx); !errors.As(err, &wait) || one.left != 1 || one.finished != 0 {
		t.Errorf("%v; left %d times, want once; finished %d times", err, one.left, one.finished)
	}
}

// A state directory that hangs as the hold is to be noted does not have the lease renewed for ever for nobody: it is left, and used once the
// note is written.
func TestHoldWhoseNoteHangsIsLeft(t *testing.T) {
	e, dir := notedRig(t)
	one := &oneLease{}
	lock := notedLock(e, one)
	lock.ses.s.OperationTimeout, lock.ses.s.Heartbeat = 50*time.Millisecond, time.Millisecond
	e.noting.Lock() // a write that does not return
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := lock.Acquire(ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		var wait *mongolock.WaitError
		if !errors.As(err, &wait) || one.left < 2 || one.finished != 0 {
			t.Errorf("%v; left %d times, want each time; finished %d times", err, one.left, one.finished)
		}
	case <-time.After(10 * time.Second):
		e.noting.Unlock()
		<-ended
		t.Fatal("the lease is renewed beside a note that is never written")
	}
	e.noting.Unlock()
	if _, err := lock.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h, err := dir.Held(); err != nil || h.Epoch != e.now {
		t.Errorf("noted: %+v, %v", h, err)
	}
}

// A gate that finds only with its lease that the restart rule was ignored says so as one that has found it at the start.
func TestRuleThatIsFoundIgnoredLateIsSaid(t *testing.T) {
	e, dir := notedRig(t)
	if err := dir.NoteHold(statedir.Hold{Epoch: e.now, Tried: true}); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 100)
	lock := notedLock(e, &oneLease{})
	ses := lock.ses
	ses.s.Heartbeat, ses.metrics = time.Millisecond, telemetry.NewMetrics("test")
	ses.log = funcr.New(func(_, args string) { said <- args }, funcr.Options{})
	ses.ctx, ses.end = context.WithCancel(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := lock.Acquire(ctx)
		ended <- err
	}()
	for late := time.After(10 * time.Second); ; {
		select {
		case line := <-said:
			if !strings.Contains(line, "the lock is not acquired") {
				continue
			}
		case <-late:
			t.Error("not said")
		}
		break
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("the lock was acquired")
	}
	ses.end()
	ses.tasks.Wait()
	all, err := ses.metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == "mongogate_restart_ignored" })
	if i < 0 || all[i].Metric[0].Gauge.GetValue() != 1 {
		t.Error("no metric says so")
	}
}
