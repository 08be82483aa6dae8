//go:build linux

package guard

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

func TestStop(t *testing.T) {
	const s = time.Second
	lease := func(deadline time.Duration) *stop {
		st := newStop(3 * s)
		st.deadline = deadline
		return st
	}
	for _, test := range []struct {
		name string
		do   func() *stop
		want map[time.Duration]order // asked at one instant only, each time anew
	}{
		{"a lease", func() *stop { return lease(10 * s) }, map[time.Duration]order{
			10*s - 1: orderNone, 10 * s: orderTerminate, 13*s - 1: orderTerminate, 13 * s: orderKill, 99 * s: orderKill,
		}},
		{"extended", func() *stop { st := lease(10 * s); st.extend(9*s, 20*s); return st }, map[time.Duration]order{
			19 * s: orderNone, 20 * s: orderTerminate, 23 * s: orderKill,
		}},
		{"extended in time, heard of late", func() *stop { st := lease(10 * s); st.extend(12*s, 20*s); return st }, map[time.Duration]order{
			13 * s: orderNone, 20 * s: orderTerminate,
		}},
		{"extended after the judgement", func() *stop { st := lease(10 * s); st.at(10 * s); st.extend(10*s, 20*s); return st }, map[time.Duration]order{
			10 * s: orderTerminate, 13 * s: orderKill,
		}},
		{"moved back", func() *stop { st := lease(10 * s); st.extend(5*s, 8*s); return st }, map[time.Duration]order{9 * s: orderNone}},
		{"the gate dies", func() *stop { st := lease(10 * s); st.gateGone(4 * s); return st }, map[time.Duration]order{
			4 * s: orderTerminate, 7*s - 1: orderTerminate, 7 * s: orderKill,
		}},
		{"the gate dies late", func() *stop { st := lease(10 * s); st.gateGone(12 * s); return st }, map[time.Duration]order{
			12 * s: orderTerminate, 13 * s: orderKill,
		}},
		{"the gate dies while it is asked to end", func() *stop { st := lease(10 * s); st.by(2*s, never); st.gateGone(4 * s); return st }, map[time.Duration]order{
			4 * s: orderTerminate, 7 * s: orderKill,
		}},
		{"news after the gate's death", func() *stop { st := lease(10 * s); st.gateGone(4 * s); st.extend(5*s, 90*s); return st }, map[time.Duration]order{7 * s: orderKill}},
		{"asked to end, lease renewed", func() *stop { st := lease(10 * s); st.by(2*s, never); st.extend(9*s, 30*s); return st }, map[time.Duration]order{
			29 * s: orderTerminate, 33 * s: orderKill,
		}},
		{"killed", func() *stop { st := lease(10 * s); st.by(2*s, 2*s); return st }, map[time.Duration]order{2 * s: orderKill}},
		{"leftovers", func() *stop { st := lease(10 * s); st.leftover(2 * s); return st }, map[time.Duration]order{
			2 * s: orderTerminate, 5 * s: orderKill,
		}},
		{"leftovers at the deadline", func() *stop { st := lease(10 * s); st.leftover(12 * s); return st }, map[time.Duration]order{13 * s: orderKill}},
	} {
		for at, want := range test.want {
			if got := test.do().at(at); got != want {
				t.Errorf("%s: at %v order %d, want %d", test.name, at, got, want)
			}
		}
	}
}

func TestStopExtendsOnlyWhatHolds(t *testing.T) {
	s := newStop(time.Second)
	s.deadline = 10
	if !s.extend(9, 20) {
		t.Error("a renewal in time is not taken")
	}
	if s.extend(20, 20) {
		t.Error("a deadline that has passed is confirmed")
	}
	if s.extend(20, 30) || s.deadline != 20 {
		t.Error("a lost lease was extended")
	}
}

func TestStopNext(t *testing.T) {
	s := newStop(3)
	s.deadline = 10
	if got := s.next(4); got != 10 {
		t.Errorf("next after 4: %d, want the deadline", got)
	}
	s.at(10)
	if got := s.next(10); got != 13 {
		t.Errorf("next after 10: %d, want the kill", got)
	}
}

// deadlines stands for the pipe: its read deadline.
type deadlines struct{ at time.Time }

func (d *deadlines) set(t time.Time) error { d.at = t; return nil }

// wait sleeps until the read deadline and says whether there is one.
func (d *deadlines) wait() bool {
	if d.at.IsZero() {
		return false
	}
	time.Sleep(time.Until(d.at))
	return true
}

func TestLapse(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var d deadlines
		begun := time.Now()
		l := newLapse(time.Second, d.set)
		l.sent(1)
		time.Sleep(400 * time.Millisecond)
		l.sent(2)
		l.confirmed(1)
		if got, want := d.at.Sub(begun), 1400*time.Millisecond; got != want {
			t.Errorf("due %v after the start, want %v: the second record has its own time", got, want)
		}
		d.wait()
		if l.overdue() {
			t.Error("overdue without a second look")
		}
		if !d.wait() || !l.overdue() {
			t.Error("not overdue after the second look")
		}
	})
}

// What arrived while the gate itself was stopped counts.
func TestLapseSecondLook(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var d deadlines
		l := newLapse(time.Second, d.set)
		l.sent(1)
		time.Sleep(time.Hour)
		if l.overdue() {
			t.Fatal("overdue without a second look")
		}
		l.confirmed(1)
		if d.wait() {
			t.Error("a read deadline although nothing is unconfirmed")
		}
		l.sent(2)
		l.stop()
		if d.wait() || l.overdue() {
			t.Error("watched after the end")
		}
	})
}
