//go:build linux

package guard

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

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
