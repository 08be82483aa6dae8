package telemetry

import (
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

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
