package telemetry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/bubble"
)

// TestWaitingSaysSoEveryMinute: one who waits for an hour is heard, about once a minute, with the holder's last renewal.
func TestWaitingSaysSoEveryMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		out := newWritten()
		log, err := Logger(out.lines, true, "info")
		if err != nil {
			t.Fatal(err)
		}
		l := NewLog(log)
		renewed := time.Now()
		for range 720 { // a look every 5 s
			l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: "other", Touched: renewed, TTL: time.Minute}})
			time.Sleep(5 * time.Second)
		}
		if n := strings.Count(out.String(), `"still waiting for the lock"`); n != 59 {
			t.Errorf("%d reminders in an hour, want 59\n%s", n, out.String())
		}
		for _, want := range []string{`"waited":"1m0s"`, `"waited":"59m0s"`, `"lastRenewal":"2000-01-01T00:00:00Z"`, `"holder":"other"`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %s in %s", want, out.String())
			}
		}
		// Another holder is a new line at once, and the time of waiting goes on.
		out.Reset()
		l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: "third", TTL: time.Minute}})
		if !strings.Contains(out.String(), `"waiting for the lock"`) {
			t.Errorf("a new holder: %s", out.String())
		}
		l.Event(mongolock.Event{Kind: mongolock.EventAcquired, Key: "k"})
		out.Reset()
		l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: "other", TTL: time.Minute}})
		time.Sleep(59 * time.Second)
		l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: "other", TTL: time.Minute}})
		if strings.Contains(out.String(), "still") {
			t.Errorf("the waiting that ended was counted: %s", out.String())
		}
	})
}

// TestFailingSaysSoEveryMinute: a store that stays away is said again.
func TestFailingSaysSoEveryMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		out := newWritten()
		log, err := Logger(out.lines, true, "info")
		if err != nil {
			t.Fatal(err)
		}
		l := NewLog(log)
		for range 60 {
			l.Event(mongolock.Event{Kind: mongolock.EventUnknown, Key: "k", Call: "read", Err: errors.New("away")})
			time.Sleep(5 * time.Second)
		}
		if n := strings.Count(out.String(), `"the store still does not acknowledge"`); n != 4 {
			t.Errorf("%d reminders in five minutes, want 4\n%s", n, out.String())
		}
		if !strings.Contains(out.String(), `"error":"away"`) {
			t.Error(out.String())
		}
	})
}
