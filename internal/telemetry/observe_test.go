package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// every is one event of each kind, for a key.
func every(key string) []mongolock.Event {
	failed := errors.New("the store is away: " + key)
	i := &mongolock.Info{Key: key, Owner: "o-" + key, Token: 3}
	var all []mongolock.Event
	for _, kind := range []mongolock.EventKind{
		mongolock.EventWaiting, mongolock.EventAcquired, mongolock.EventRenewed, mongolock.EventLost, mongolock.EventSuccessor, mongolock.EventFinished, mongolock.EventDropped,
	} {
		all = append(all, mongolock.Event{Kind: kind, Key: key, Token: 7, Info: i, Took: time.Millisecond, Err: failed})
	}
	for _, call := range []string{"acquire", "renew", "finish", "read"} {
		all = append(all, mongolock.Event{Kind: mongolock.EventUnknown, Key: key, Call: call, Err: failed})
	}
	for _, reason := range []mongolock.LossReason{mongolock.LostDeadline, mongolock.LostRevoked, mongolock.LostTaken, mongolock.LostTwin} {
		all = append(all, mongolock.Event{Kind: mongolock.EventLost, Key: key, Err: fmt.Errorf("x: %w", &mongolock.LostError{Key: key, Reason: reason})})
	}
	return all
}

type never struct{}

func (never) Acquire(context.Context) (gate.Lease, error) { return nil, errors.New("no") }

func metrics(t *testing.T) *Metrics {
	t.Helper()
	m := NewMetrics("v1")
	g := must.Get(gate.New(gate.Config{Clock: gate.BootClock(), Budget: gate.Budget{Kill: 1}, Lock: never{}, FinishWithin: 1}))(t)
	m.Gate(g, gate.BootClock())
	return m
}

// series are the names and labels of our own metrics, without values.
func series(t *testing.T, m *Metrics) []string {
	t.Helper()
	families := must.Get(m.Registry.Gather())(t)
	var all []string
	for _, f := range families {
		for _, one := range f.GetMetric() {
			if strings.HasPrefix(f.GetName(), "mongogate_") {
				all = append(all, f.GetName()+fmt.Sprint(one.GetLabel()))
			}
		}
	}
	return all
}

func TestMetricsAreWellNamed(t *testing.T) {
	m := metrics(t)
	families := must.Get(m.Registry.Gather())(t)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// Whatever happens, the number of series stays: they are all there from the beginning.
func TestSeriesAreFixed(t *testing.T) {
	m := metrics(t)
	before := series(t, m)
	for n := range 20 {
		for _, e := range every(fmt.Sprint("key", n)) {
			m.Event(e)
		}
		m.Skipped()
		m.Stopped(time.Second)
	}
	if after := series(t, m); !slices.Equal(before, after) {
		t.Errorf("%v\nbecame\n%v", before, after)
	}
	for _, one := range before {
		if strings.Contains(one, "key") && !strings.Contains(one, "version") {
			t.Errorf("%s names a key", one)
		}
	}
}

func TestCounts(t *testing.T) {
	m := metrics(t)
	for _, e := range every("k") {
		m.Event(e)
	}
	m.Skipped()
	families := must.Get(m.Registry.Gather())(t)
	got := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			name := f.GetName()
			for _, l := range one.GetLabel() {
				name += "/" + l.GetValue()
			}
			got[name] = one.GetCounter().GetValue() + one.GetGauge().GetValue() + float64(one.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"mongogate_acquisitions_total": 1, "mongogate_skips_total": 1, "mongogate_token": 7, "mongogate_renewal_duration_seconds": 1,
		"mongogate_losses_total/taken": 2, "mongogate_losses_total/revoked": 1, "mongogate_losses_total/deadline": 1,
		"mongogate_unacknowledged_total/renew": 1, "mongogate_unacknowledged_total/acquire": 1, "mongogate_open": 0, "mongogate_build_info/v1": 1, "mongogate_remaining_seconds": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %v, %v, want %v", name, v, ok, want)
		}
	}
}

// lines is a log and what it wrote since it was asked last.
func lines(t *testing.T, level string) (*Log, func() []string) {
	t.Helper()
	log, r := logTo(t, true, level)
	return NewLog(log), func() []string { return slices.Collect(strings.Lines(r.take())) }
}

// One line per holder, for each key, however often it is looked at.
func TestWaitingIsCalm(t *testing.T) {
	l, wrote := lines(t, "info")
	now := time.Now()
	wait := func(key, owner string, token int64, expire time.Time) {
		l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: key, Info: &mongolock.Info{Key: key, Owner: owner, Token: token, Created: now, Expire: expire, TTL: time.Minute}})
	}
	for n := range 50 { // it renews, and two keys are looked at in turn
		wait("a", "one", 1, now.Add(time.Duration(n)*time.Second))
		wait("b", "one", 1, now.Add(time.Duration(n)*time.Second))
	}
	if got := wrote(); len(got) != 2 {
		t.Errorf("%q", got)
	}
	wait("a", "two", 2, now)
	if got := wrote(); len(got) != 1 || !strings.Contains(got[0], `"holder":"two"`) {
		t.Errorf("%q", got)
	}
	wait("a", "two", 3, now) // the same owner has it anew
	if got := wrote(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	l.Event(mongolock.Event{Kind: mongolock.EventAcquired, Key: "a", Token: 4})
	wrote()
	wait("a", "two", 3, now)
	if got := wrote(); len(got) != 1 {
		t.Errorf("waiting again: %q", got)
	}
}

func TestWaitingForPython(t *testing.T) {
	l, wrote := lines(t, "info")
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for want, info := range map[string]mongolock.Info{
		`"until":"it is released"`:       {Owner: "p1"},
		`"until":"2026-11-22T03:00:00Z"`: {Owner: "p2", Expire: at},
		`"where":`:                       {Owner: "m", TTL: time.Second, Holder: mongolock.Holder{Cluster: "c", Pod: "pod"}},
	} {
		l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &info})
		if got := wrote(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%q, want %s", got, want)
		}
	}
}

// The first of a row of failures, and its end; one key's success does not end another's row.
func TestFailuresAreCalm(t *testing.T) {
	l, wrote := lines(t, "info")
	fail := func(key string) {
		l.Event(mongolock.Event{Kind: mongolock.EventUnknown, Key: key, Call: "renew", Err: errors.New("away")})
	}
	well := func(key string) { l.Event(mongolock.Event{Kind: mongolock.EventRenewed, Key: key}) }
	for range 50 {
		fail("run")
		well("job")
	}
	if got := wrote(); len(got) != 1 || !strings.Contains(got[0], "did not acknowledge") {
		t.Errorf("%q", got)
	}
	well("run")
	well("run")
	if got := wrote(); len(got) != 1 || !strings.Contains(got[0], `"failed":50`) {
		t.Errorf("%q", got)
	}
	fail("run")
	if got := wrote(); len(got) != 1 {
		t.Errorf("the next row: %q", got)
	}
}

func TestEveryEventIsALine(t *testing.T) {
	for _, level := range []string{"debug", "info"} {
		l, wrote := lines(t, level)
		for _, e := range every("k") {
			l.Event(e)
			if got := wrote(); len(got) != 1 && (level == "debug" || e.Kind != mongolock.EventRenewed) || len(got) == 1 && e.Kind != mongolock.EventDropped && !strings.Contains(got[0], `"key":"k"`) {
				t.Errorf("%s: %s: %q", level, e.Kind, got)
			}
		}
	}
	if _, err := Logger(newLines(func([]byte) error { return nil }), true, "loud"); err == nil {
		t.Error("no such level, and no error")
	}
}

// A store that cannot be reached: its errors go to the log, the password does not.
func TestNoSecretInLines(t *testing.T) {
	l, wrote := lines(t, "debug")
	const canary = "c4nary"
	events := make(chan mongolock.Event, 100)
	locker := must.Get(mongolock.Connect("mongodb://user:"+canary+"@127.0.0.1:1/?connectTimeoutMS=50&serverSelectionTimeoutMS=50", mongolock.Options{
		Timing:  mongolock.Timing{TTL: time.Second, AllowShort: true},
		Observe: func(e mongolock.Event) { events <- e },
	}))(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := locker.Acquire(ctx, "k"); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("%v", err)
	}
	if err := locker.Close(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	close(events)
	n := 0
	for e := range events {
		n++
		l.Event(e)
	}
	if got := fmt.Sprint(wrote()); n == 0 || strings.Contains(got, canary) || strings.Contains(got, "mongodb://") {
		t.Errorf("%d events: %s", n, got)
	}
}

// TestWaitingSaysSoEveryMinute: one who waits for an hour is heard, about once a minute, with the holder's last renewal.
func TestWaitingSaysSoEveryMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		log, r := logTo(t, true, "info")
		l := NewLog(log)
		wait := func(owner string, renewed time.Time) {
			l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: owner, Touched: renewed, TTL: time.Minute}})
		}
		renewed := time.Now()
		for range 720 { // a look every 5 s
			wait("other", renewed)
			time.Sleep(5 * time.Second)
		}
		said := r.take()
		if n := strings.Count(said, `"still waiting for the lock"`); n != 59 {
			t.Errorf("%d reminders in an hour, want 59\n%s", n, said)
		}
		for _, want := range []string{`"waited":"1m0s"`, `"waited":"59m0s"`, `"lastRenewal":"2000-01-01T00:00:00Z"`, `"holder":"other"`} {
			if !strings.Contains(said, want) {
				t.Errorf("no %s in %s", want, said)
			}
		}
		// Another holder is a new line at once, and the time of waiting goes on.
		wait("third", time.Time{})
		if said := r.take(); !strings.Contains(said, `"waiting for the lock"`) {
			t.Errorf("a new holder: %s", said)
		}
		l.Event(mongolock.Event{Kind: mongolock.EventAcquired, Key: "k"})
		r.take()
		wait("other", time.Time{})
		time.Sleep(59 * time.Second)
		wait("other", time.Time{})
		if said := r.take(); strings.Contains(said, "still") {
			t.Errorf("the waiting that ended was counted: %s", said)
		}
	})
}

// TestWaitingForAWorkerWithoutDates: what is not in the document is not said, least of all as the year 1.
func TestWaitingForAWorkerWithoutDates(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		log, r := logTo(t, true, "info")
		l := NewLog(log)
		for range 14 {
			l.Event(mongolock.Event{Kind: mongolock.EventWaiting, Key: "k", Info: &mongolock.Info{Key: "k", Owner: "worker"}})
			time.Sleep(5 * time.Second)
		}
		said := r.take()
		if strings.Count(said, "waiting for the lock") != 2 || strings.Contains(said, "0001-") {
			t.Error(said)
		}
	})
}

// TestFailingSaysSoEveryMinute: a store that stays away is said again.
func TestFailingSaysSoEveryMinute(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		log, r := logTo(t, true, "info")
		l := NewLog(log)
		for range 60 {
			l.Event(mongolock.Event{Kind: mongolock.EventUnknown, Key: "k", Call: "read", Err: errors.New("away")})
			time.Sleep(5 * time.Second)
		}
		said := r.take()
		if n := strings.Count(said, `"the store still does not acknowledge"`); n != 4 {
			t.Errorf("%d reminders in five minutes, want 4\n%s", n, said)
		}
		if !strings.Contains(said, `"error":"away"`) {
			t.Error(said)
		}
	})
}
