package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

// handClock is moved by the test.
type handClock struct{ now atomic.Int64 }

func (c *handClock) Now() time.Duration { return time.Duration(c.now.Load()) }

func notices() (*Notices, *handClock, func() []Notice) {
	var told []Notice
	clock := &handClock{}
	clock.now.Store(int64(time.Hour))
	n := NewNotices(clock, func(one Notice) { told = append(told, one) })
	return n, clock, func() []Notice {
		was := told
		told = nil
		return was
	}
}

func reasons(all []Notice) []string {
	var list []string
	for _, n := range all {
		list = append(list, n.Reason)
	}
	return list
}

func wants(t *testing.T, what string, got []Notice, want ...string) {
	t.Helper()
	if !slices.Equal(reasons(got), want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Waiting is news once for each holder, however long it takes.
func TestWaitingIsNewsOnce(t *testing.T) {
	n, _, told := notices()
	wait := func(key, owner string, token int64) {
		n.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: key, Info: &mongolock.Info{Key: key, Owner: owner, Token: token, Touched: time.Now(), Holder: mongolock.Holder{Cluster: "c1", Pod: "p1", Namespace: "ns"}}})
	}
	for range 50 {
		wait("a", "one", 1)
		wait("b", "one", 1)
	}
	got := told()
	wants(t, "two keys", got, LockWaiting, LockWaiting)
	if !strings.Contains(got[0].Text, "one (cluster c1, pod ns/p1)") || got[0].Warning {
		t.Errorf("%+v", got[0])
	}
	wait("a", "one", 2) // the same owner anew
	wants(t, "another lease", told(), LockWaiting)
	n.Event(mongolock.Event{Kind: mongolock.EventAcquired, Key: "a", Token: 3})
	wants(t, "acquired", told())
	wait("a", "one", 2)
	wants(t, "waiting again", told(), LockWaiting)
}

func TestAcquiredByWhichRight(t *testing.T) {
	history := func(how string) []mongolock.HandOver {
		return []mongolock.HandOver{
			{Owner: "older", Token: 1, How: "free"},
			{Owner: "old", Cluster: "c1", Pod: "p1", Token: 2, How: "free"},
			{Owner: "me", Token: 3, How: how},
			{Owner: "later", Token: 4, How: "taken-over"},
		}
	}
	for how, want := range map[string]string{"free": LockAcquired, "adopted": LockAcquired, "again": LockAcquired, "taken-over": LockTakenOver, "expired": LockTakenOver} {
		n, _, told := notices()
		n.Acquired("k", 3, history(how))
		got := told()
		wants(t, how, got, want)
		if named := strings.Contains(got[0].Text, "old (cluster c1, pod p1)"); named != (want == LockTakenOver) || got[0].Warning != named {
			t.Errorf("%s: %+v", how, got[0])
		}
	}
	n, _, told := notices()
	n.Acquired("k", 3, nil)
	n.Acquired("k", 3, history("taken-over")[2:3])
	got := told()
	wants(t, "little is remembered", got, LockAcquired, LockTakenOver)
	if !strings.Contains(got[1].Text, "another holder") {
		t.Errorf("%+v", got[1])
	}
}

// A loss is told once, by the lease or by the gate, whichever is first.
func TestLossIsToldOnce(t *testing.T) {
	lost := &mongolock.LostError{Key: "k", Reason: mongolock.LostDeadline, Last: errors.New("c4nary")}
	event := mongolock.Event{Kind: mongolock.EventLost, Key: "k", Token: 7, Err: lost}
	grant := gate.Grant{Key: "k", Token: 7}
	for what, tell := range map[string]func(*Notices){
		"the lease first": func(n *Notices) { n.Event(event); n.Shut(grant, lost) },
		"the gate first":  func(n *Notices) { n.Shut(grant, lost); n.Event(event) },
	} {
		n, _, told := notices()
		tell(n)
		got := told()
		wants(t, what, got, LockLost)
		if want := `lock "k" is lost: no renewal was acknowledged before the deadline`; got[0].Text != want || !got[0].Warning {
			t.Errorf("%s: %+v, want %q", what, got[0], want)
		}
		tell(n)
		wants(t, what+", again", told())
		n.Shut(gate.Grant{Key: "k", Token: 8}, errors.New("the guard has died"))
		got = told()
		wants(t, "the next lease", got, LockLost)
		if !strings.Contains(got[0].Text, "the guard has died") {
			t.Errorf("%+v", got[0])
		}
	}
}

// A store that comes and goes is news at most once in ten minutes; a single call that fails is none.
func TestUnreachableIsRare(t *testing.T) {
	n, clock, told := notices()
	away := func(call string) {
		n.Event(mongolock.Event{Kind: mongolock.EventUnknown, Key: "k", Call: call, Err: errors.New("c4nary")})
	}
	renewed := func() { n.Event(mongolock.Event{Kind: mongolock.EventRenewed, Key: "k"}) }
	away("renew")
	renewed()
	away("renew")
	wants(t, "single calls", told())
	for range 50 {
		away("renew")
	}
	wants(t, "a row", told(), StoreUnreachable)
	for range 50 {
		renewed()
		away("renew")
		away("renew")
		clock.now.Add(int64(unreachableEvery / 100))
	}
	wants(t, "rows within ten minutes", told())
	clock.now.Add(int64(unreachableEvery))
	renewed()
	away("renew")
	away("renew")
	wants(t, "later", told(), StoreUnreachable)
}

func TestHowALeaseEnds(t *testing.T) {
	for _, c := range []struct {
		outcome   gate.Outcome
		run, held bool
		want      string
	}{
		{gate.Unbegun, false, false, LockReleased},
		{gate.Succeeded, false, false, LockReleased},
		{gate.Succeeded, true, false, RunDone},
		{gate.Failed, true, false, LockReleased},
		{gate.Failed, true, true, LockReleased},
	} {
		n, _, told := notices()
		n.Finished("k", c.outcome, c.run, c.held)
		got := told()
		wants(t, fmt.Sprint(c), got, c.want)
		if c.held != strings.Contains(got[0].Text, "same Job") {
			t.Errorf("%+v", got[0])
		}
	}
}

func TestWhoHasDoneTheRun(t *testing.T) {
	e := &mongolock.DoneError{Info: mongolock.Info{Key: "k", Done: &mongolock.Done{By: "o1", Outcome: "succeeded"}}}
	text := DoneBy(e, []mongolock.HandOver{{Owner: "o0"}, {Owner: "o1", Cluster: "c1", Pod: "p1"}})
	if !strings.HasPrefix(text, "skipped: ") || !strings.Contains(text, "o1 (cluster c1, pod p1)") {
		t.Error(text)
	}
	n, _, told := notices()
	n.Skipped(DoneBy(e, nil))
	got := told()
	wants(t, "skipped", got, RunSkipped)
	if !got[0].OfRun || !strings.Contains(got[0].Text, "o1") {
		t.Errorf("%+v", got[0])
	}
}

// Whatever the store says when it fails stays in the log.
func TestNoErrorOfTheStoreInNotices(t *testing.T) {
	n, _, told := notices()
	seen := 0
	for range 3 {
		for _, kind := range []mongolock.EventKind{mongolock.EventUnknown, mongolock.EventLost, mongolock.EventSuccessor, mongolock.EventFinished, mongolock.EventAcquired, mongolock.EventWaiting} {
			for _, err := range []error{errors.New("c4nary"), &mongolock.LostError{Key: "k", Reason: mongolock.LostTaken, Last: errors.New("c4nary")}} {
				n.Event(mongolock.Event{Kind: kind, Key: "k", Call: "renew", Info: &mongolock.Info{}, Err: err})
				n.Shut(gate.Grant{Key: "k", Token: int64(seen)}, &mongolock.LostError{Key: "k", Reason: mongolock.LostDeadline, Last: err})
				for _, one := range told() {
					seen++
					if strings.Contains(one.Text, "c4nary") {
						t.Errorf("%+v", one)
					}
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d notices", seen)
	}
}

// What holders have called themselves is in notices as it shows.
func TestNoticesShowEverything(t *testing.T) {
	var all []Notice
	n := NewNotices(gate.BootClock(), func(n Notice) { all = append(all, n) })
	holder := mongolock.Holder{Cluster: hostile, Namespace: hostile, Pod: hostile, Node: hostile}
	info := &mongolock.Info{Key: "k", Owner: hostile, Holder: holder, Done: &mongolock.Done{By: hostile, Outcome: hostile, At: time.Now()}}
	n.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: info})
	history := []mongolock.HandOver{{Owner: hostile, Cluster: hostile, Pod: hostile, Token: 1, How: hostile}, {Owner: hostile, Token: 2, How: "taken-over"}}
	n.Acquired("k", 2, history)
	n.Skipped(DoneBy(&mongolock.DoneError{Info: *info}, history))
	n.Skipped((&mongolock.HeldError{Info: *info}).Error())
	if len(all) != 4 {
		t.Errorf("%d notices", len(all))
	}
	for _, one := range all {
		if !printable.Visible(one.Text) {
			t.Errorf("%s: %q", one.Reason, one.Text)
		}
	}
}
