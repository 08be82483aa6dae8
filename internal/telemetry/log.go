package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

// Logger writes to w: lines of JSON, or text for people. level is debug, info, warn or error. What others have written,
// such as the owner of a lock, begins no line, moves no cursor and is of bounded length.
func Logger(w *Lines, json bool, level string) (logr.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return logr.Logger{}, fmt.Errorf("log level: %w", err)
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(cfg)
	if !json {
		// With date and zone: a log is read on another day, beside those of other machines.
		cfg.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00")
		cfg.EncodeLevel = zapcore.CapitalLevelEncoder
		cfg.ConsoleSeparator = " "
		enc = zapcore.NewConsoleEncoder(cfg)
	}
	w.Told(func(missing int64) []byte {
		b, err := enc.Clone().EncodeEntry(zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "messages dropped: nobody read the log in time"}, []zapcore.Field{zap.Int64("count", missing)})
		if err != nil {
			return fmt.Appendf(nil, "%d messages dropped\n", missing)
		}
		return b.Bytes()
	})
	return zapr.NewLogger(zap.New(&bounded{zapcore.NewCore(enc, printed{w}, at)})), nil
}

// Warn logs what somebody should look at although nothing has failed. logr has no such level; where log does not
// write to zap it is an ordinary message.
func Warn(log logr.Logger, message string, keysAndValues ...any) {
	under, ok := log.GetSink().(zapr.Underlier)
	if !ok {
		log.Info(message, keysAndValues...)
		return
	}
	under.GetUnderlying().Sugar().Warnw(message, keysAndValues...)
}

// printed writes records so that each is one line, in which everything shows.
type printed struct{ *Lines }

func (p printed) Write(record []byte) (int, error) {
	if _, err := p.Lines.Write(printable.Line(record)); err != nil {
		return 0, err
	}
	return len(record), nil
}

// bounded cuts what is longer than anybody reads.
type bounded struct{ zapcore.Core }

func (b *bounded) With(fields []zapcore.Field) zapcore.Core { //nolint:ireturn // the interface of zap
	return &bounded{b.Core.With(short(fields))}
}

func (b *bounded) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(e.Level) {
		return c.AddCore(e, b)
	}
	return c
}

func (b *bounded) Write(e zapcore.Entry, fields []zapcore.Field) error {
	e.Message = cut(e.Message)
	return b.Core.Write(e, short(fields))
}

// short are the fields with texts and errors cut; all others are numbers, times and our own lists of words.
func short(fields []zapcore.Field) []zapcore.Field {
	all := slices.Clone(fields)
	for i, f := range all {
		switch f.Type {
		case zapcore.StringType:
			all[i].String = cut(f.String)
		case zapcore.ErrorType:
			if err, ok := f.Interface.(error); ok && err != nil {
				all[i] = zap.String(f.Key, cut(err.Error()))
			}
		default:
		}
	}
	return all
}

func cut(text string) string {
	if len(text) <= printable.Message {
		return text
	}
	return strings.ToValidUTF8(text[:printable.Message], "") + "…"
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

func reason(err error) mongolock.LossReason {
	var lost *mongolock.LostError
	if errors.As(err, &lost) {
		return lost.Reason
	}
	return mongolock.LostTaken
}
