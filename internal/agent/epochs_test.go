//go:build linux

package agent

import (
	"context"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/holder"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// oneLease is a lock that is had at once, and a workload that is started, warned and gone.
type oneLease struct {
	gate.Lease
	gate.Workload
	finished int
	left     int
	warned   chan struct{}
}

func (l *oneLease) Acquire(context.Context) (gate.Lease, error) { return l, nil }
func (l *oneLease) Key() string                                 { return "key" }
func (l *oneLease) Held() bool                                  { return true }
func (l *oneLease) Leave()                                      { l.left++ }
func (l *oneLease) Warn(string) <-chan struct{}                 { return l.warned }
func (l *oneLease) Finish(context.Context, gate.Outcome) error {
	l.finished++
	return nil
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
			warn := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			lock := &notedLock{Lock: one, epochs: e, warn: warn}
			lease, err := lock.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			work := &notedWorkload{one, func() { warn(holder.Within(noteWithin, e.lost)) }}
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
	e, _ := notedRig(t)
	one := &oneLease{}
	lease, err := (&notedLock{Lock: one, epochs: e, warn: func(error) {}}).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.noting.Lock() // a write that does not return
	defer e.noting.Unlock()
	begun := time.Now()
	work := &notedWorkload{one, func() { _ = holder.Within(noteWithin, e.lost) }}
	warned := work.Warn("lost")
	if took := time.Since(begun); took > noteWithin/2 {
		t.Errorf("the loss took %v", took)
	}
	<-warned
	if e.Refused() != "" {
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
// had. If that is then for nobody, this gate asks for the restart; it does not adopt the lease for ever beside a workload that it will not stop.
func TestEpochIsJudgedLate(t *testing.T) {
	e, dir := notedRig(t)
	if err := dir.NoteHold(statedir.Hold{Epoch: e.now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	one := &oneLease{}
	_, err := (&notedLock{Lock: one, epochs: e, pause: time.Millisecond, warn: func(error) {}}).Acquire(ctx)
	if codeOf(err) != exitLost {
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
