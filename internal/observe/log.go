package observe

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Logger writes to w: lines of JSON, or text for people. level is debug, info or error.
func Logger(w zapcore.WriteSyncer, json bool, level string) (logr.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return logr.Logger{}, fmt.Errorf("log level: %w", err)
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(cfg)
	if !json {
		cfg.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		cfg.EncodeLevel = zapcore.CapitalLevelEncoder
		cfg.ConsoleSeparator = " "
		enc = zapcore.NewConsoleEncoder(cfg)
	}
	return zapr.NewLogger(zap.New(zapcore.NewCore(enc, zapcore.Lock(w), at))), nil
}

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
	case mongolock.EventFinished:
		l.log.Info("lock given back", append(key, "token", e.Token)...)
	}
}

// wait writes one line, which changes only when the holder does.
func (l *Log) wait(e mongolock.Event) {
	i := e.Info
	line := fmt.Sprint(e.Key, i.Owner, i.Token, i.Holder, i.Revoked)
	if line == l.waiting[e.Key] {
		if waited, due := l.still.due(call{name: "wait", key: e.Key}); due {
			l.log.Info("still waiting for the lock", "key", e.Key, "waited", waited, "holder", i.Owner, "lastRenewal", i.Touched.Format(time.RFC3339))
		}
		return
	}
	if l.waiting[e.Key] == "" {
		l.still.begin(call{name: "wait", key: e.Key})
	}
	l.waiting[e.Key] = line
	kv := []any{"key", e.Key, "holder", i.Owner, "since", i.Created.Format(time.RFC3339)}
	if w := i.Where(); w != "" {
		kv = append(kv, "where", w)
	}
	switch {
	case i.TTL > 0:
		kv = append(kv, "forHowLong", fmt.Sprintf("until it is given back, or %v after the last renewal", i.TTL+i.Grace))
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
		l.log.Error(e.Err, "the store did not acknowledge; asking again", "key", e.Key, "call", e.Call)
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

func reason(err error) mongolock.LossReason {
	var lost *mongolock.LostError
	if errors.As(err, &lost) {
		return lost.Reason
	}
	return mongolock.LostTaken
}
