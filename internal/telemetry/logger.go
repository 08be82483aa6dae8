package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

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
