package telemetry

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Log writes what a lock tells, calmly: a line when something changes, none while it stays as it is.
type Log struct {
	log logr.Logger

	mu      sync.Mutex
	waiting map[string]string // by key, the last line about waiting
	failing map[call]int      // calls in a row that were not acknowledged
	still   reminders
}

// call is what may fail by itself: one kind of call for one key.
type call struct{ key, name string }

// NewLog writes to a logger.
func NewLog(log logr.Logger) *Log {
	return &Log{log: log, waiting: map[string]string{}, failing: map[call]int{}}
}

// Event logs what a lock tells.
func (l *Log) Event(e mongolock.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := []any{"key", e.Key}
	switch e.Kind {
	case mongolock.EventWaiting:
		l.wait(e)
	case mongolock.EventAcquired:
		delete(l.waiting, e.Key)
		l.still.end(call{name: "wait", key: e.Key})
		l.well(e, "acquire")
		l.log.Info("lock acquired", append(key, "token", e.Token)...)
	case mongolock.EventRenewed:
		l.well(e, "renew")
		l.log.V(1).Info("renewed", append(key, "took", e.Took)...)
	case mongolock.EventUnknown:
		l.failed(e)
	case mongolock.EventLost:
		l.log.Error(e.Err, "lock lost", append(key, "token", e.Token)...)
	case mongolock.EventSuccessor:
		l.log.Info("the store now says", append(key, "state", e.Info.State, "owner", e.Info.Owner, "where", e.Info.Where(), "token", e.Info.Token)...)
	case mongolock.EventDropped:
		Warn(l.log, "events of the lock were dropped: the listener was too slow", "count", e.Dropped)
	case mongolock.EventFinished:
		l.log.Info("lease ended", append(key, "token", e.Token)...)
	}
}

// wait writes one line, which changes only when the holder does.
func (l *Log) wait(e mongolock.Event) {
	i := e.Info
	line := fmt.Sprint(e.Key, i.Owner, i.Token, i.Holder, i.Revoked)
	if line == l.waiting[e.Key] {
		if waited, due := l.still.due(call{name: "wait", key: e.Key}); due {
			kv := []any{"key", e.Key, "waited", waited, "holder", i.Owner}
			if !i.Touched.IsZero() { // who does not renew has none
				kv = append(kv, "lastRenewal", i.Touched.Format(time.RFC3339))
			}
			l.log.Info("still waiting for the lock", kv...)
		}
		return
	}
	if l.waiting[e.Key] == "" {
		l.still.begin(call{name: "wait", key: e.Key})
	}
	l.waiting[e.Key] = line
	kv := []any{"key", e.Key, "holder", i.Owner}
	if !i.Created.IsZero() {
		kv = append(kv, "since", i.Created.Format(time.RFC3339))
	}
	if w := i.Where(); w != "" {
		kv = append(kv, "where", w)
	}
	switch {
	case i.TTL > 0:
		kv = append(kv, "takeoverAfter", (i.TTL + i.Grace).String()) // after the last renewal, unless it is released before
	case i.Expire.IsZero():
		kv = append(kv, "until", "it is released")
	default:
		kv = append(kv, "until", i.Expire.Format(time.RFC3339))
	}
	l.log.Info("waiting for the lock", kv...)
}

// failed writes the first of a row of calls that were not acknowledged; well writes the end of the row.
func (l *Log) failed(e mongolock.Event) {
	c := call{e.Key, e.Call}
	l.failing[c]++
	if l.failing[c] == 1 {
		l.still.begin(c)
		l.log.Error(e.Err, "the store did not acknowledge; retrying", "key", e.Key, "call", e.Call)
		return
	}
	if since, due := l.still.due(c); due {
		l.log.Error(e.Err, "the store still does not acknowledge", "key", e.Key, "call", e.Call, "times", l.failing[c], "for", since)
		return
	}
	l.log.V(1).Info("the store did not acknowledge", "key", e.Key, "call", e.Call, "times", l.failing[c], "error", e.Err.Error())
}

func (l *Log) well(e mongolock.Event, name string) {
	c := call{e.Key, name}
	if n := l.failing[c]; n > 0 {
		l.log.Info("the store acknowledges again", "key", e.Key, "call", name, "failed", n)
	}
	delete(l.failing, c)
	l.still.end(c)
}

// remindEvery is how often a log says again what goes on unchanged.
const remindEvery = time.Minute

// reminders know since when something goes on, and when a log said so last. The zero value is ready.
type reminders map[call]*struct{ since, said time.Time }

func (r *reminders) begin(c call) {
	if *r == nil {
		*r = reminders{}
	}
	now := time.Now()
	(*r)[c] = &struct{ since, said time.Time }{now, now}
}

// due is true once a minute, with the time since the beginning in whole seconds.
func (r *reminders) due(c call) (since time.Duration, due bool) {
	on := (*r)[c]
	if on == nil {
		r.begin(c)
		return 0, false
	}
	if time.Since(on.said) < remindEvery {
		return 0, false
	}
	on.said = time.Now()
	return time.Since(on.since).Round(time.Second), true
}

func (r *reminders) end(c call) { delete(*r, c) }
