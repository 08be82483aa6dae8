package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/pkg/printable"
	"github.com/mongogate/mongogate/test/must"
)

// reader is who reads a log, once it is let.
type reader struct {
	*Lines
	gate    chan struct{}
	reading sync.Mutex
	read    bytes.Buffer
}

func newReader() *reader {
	r := &reader{gate: make(chan struct{})}
	r.Lines = newLines(func(b []byte) error {
		<-r.gate
		r.reading.Lock()
		defer r.reading.Unlock()
		r.read.Write(b)
		return nil
	})
	return r
}

// take is what was logged since it was called last.
func (r *reader) take() string {
	r.Flush(time.Minute)
	r.reading.Lock()
	defer r.reading.Unlock()
	said := r.read.String()
	r.read.Reset()
	return said
}

// logTo is a log and its reader, who reads all the time.
func logTo(t *testing.T, asJSON bool, level string) (logr.Logger, *reader) {
	t.Helper()
	r := newReader()
	close(r.gate)
	return must.Get(Logger(r.Lines, asJSON, level))(t), r
}

// Nobody reads: whoever logs does not wait, what is kept is bounded, and once it flows again the log says what is missing.
func TestABlockedLogHoldsNobodyUp(t *testing.T) {
	r := newReader()
	log := must.Get(Logger(r.Lines, true, "info"))(t)
	const written = 20 * queuedLines
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range written {
			log.Info("message", "n", n)
		}
	}()
	must.Come(t, done, "the end of who logs")
	if n := r.Dropped(); n < written-queuedLines-2 || n > written {
		t.Errorf("%d dropped of %d", n, written)
	}
	r.mu.Lock()
	if len(r.queue) > queuedLines || r.size > queuedBytes {
		t.Errorf("%d lines, %d bytes wait", len(r.queue), r.size)
	}
	r.mu.Unlock()
	began := time.Now()
	r.Flush(50 * time.Millisecond)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the end waits for %v", took)
	}
	dropped := r.Dropped()
	close(r.gate)
	r.Flush(time.Minute)
	log.Info("after")
	lines := strings.Split(strings.TrimSpace(r.take()), "\n")
	if last := lines[len(lines)-2]; !strings.Contains(last, fmt.Sprintf(`"n":%d`, written-1)) {
		t.Errorf("the newest is not there: %s", last)
	}
	told, notices := int64(0), 0
	for _, line := range lines {
		var record struct {
			Level, Msg string
			Count      int64
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if strings.HasPrefix(record.Msg, "messages dropped") {
			notices++
			told += record.Count
			if record.Level != "warn" {
				t.Errorf("%+v", record)
			}
		}
	}
	// Twice where the first line was taken up late.
	if told != dropped || notices < 1 || notices > 2 || len(lines) != written-int(dropped)+1+notices {
		t.Errorf("%d lines, told %d times that %d of %d are missing, and %d are", len(lines), notices, told, written, dropped)
	}
}

// Few lines that are long are bounded as well.
func TestLongLinesAreBounded(t *testing.T) {
	r := newReader()
	line := append(bytes.Repeat([]byte("x"), queuedBytes/3), '\n')
	for range 20 {
		_, _ = r.Write(line)
	}
	r.mu.Lock()
	if r.size > queuedBytes {
		t.Errorf("%d bytes wait", r.size)
	}
	r.mu.Unlock()
	close(r.gate)
	r.Flush(time.Minute)
}

// A file that fails is no end: what could not be written is told later.
func TestAFailedWriteIsTold(t *testing.T) {
	fail, said := true, ""
	w := newLines(func(b []byte) error {
		if fail {
			return errors.New("no space")
		}
		said += string(b)
		return nil
	})
	for range 3 {
		_, _ = w.Write([]byte("lost\n"))
	}
	w.Flush(time.Minute)
	fail = false
	_, _ = w.Write([]byte("there\n"))
	w.Flush(time.Minute)
	if w.Dropped() != 3 || !strings.Contains(said, "3 messages dropped") || !strings.HasSuffix(said, "there\n") || strings.Contains(said, "lost") {
		t.Errorf("%d dropped, %q", w.Dropped(), said)
	}
}

// Whoever reads a pipe may go: the process that writes does not end by SIGPIPE.
func TestAPipeWithoutReader(t *testing.T) {
	r, wr, err := os.Pipe()
	must.Do(t, err)
	defer wr.Close()
	w := NewLines(wr)
	_, _ = w.Write([]byte("read\n"))
	w.Flush(time.Minute)
	buf := make([]byte, 10)
	if n, err := r.Read(buf); err != nil || string(buf[:n]) != "read\n" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	_ = r.Close()
	_, _ = w.Write([]byte("unread\n"))
	w.Flush(time.Minute)
	if w.Dropped() != 1 {
		t.Errorf("%d dropped", w.Dropped())
	}
}

// hostile is what an owner may call itself.
const hostile = "x\n{\"level\":\"info\"}\r\x1b[2J\x1b]0;title\a\u009b31m\u202egate open\u200b"

// One record is one line, whatever others have written, and everything in it shows.
func TestNoForgedLine(t *testing.T) {
	for _, asJSON := range []bool{true, false} {
		log, r := logTo(t, asJSON, "debug")
		log.Info("holder "+hostile, "owner", hostile, "error", hostile)
		log.Error(errors.New(hostile), hostile, "key", hostile)
		log.WithValues("cluster", hostile).V(1).Info("m", "list", []string{hostile}, "any", struct{ A string }{hostile})
		log.WithName(hostile).Info("named")
		Warn(log, hostile, "reason", hostile)
		lines := strings.Split(strings.TrimSuffix(r.take(), "\n"), "\n")
		if len(lines) != 5 {
			t.Errorf("json %v: %d lines, want 5:\n%s", asJSON, len(lines), strings.Join(lines, "\n"))
		}
		for _, line := range lines {
			if !printable.Visible(strings.ReplaceAll(line, "\t", " ")) {
				t.Errorf("json %v: %q", asJSON, line)
			}
			if asJSON && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
		if asJSON && !strings.Contains(lines[4], `"level":"warn"`) || !asJSON && !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) WARN `).MatchString(lines[4]) {
			t.Errorf("json %v: %s", asJSON, lines[4])
		}
	}
}

// An owner of 3 MB is not written out at every turn.
func TestLinesOfTheLogAreBounded(t *testing.T) {
	log, r := logTo(t, true, "info")
	long := strings.Repeat("é\x1b", 1<<20)
	log.WithValues("with", long).Info(long, "owner", long)
	log.Error(errors.New(long), "m")
	for line := range strings.Lines(r.take()) {
		if len(line) > 32<<10 || !json.Valid([]byte(line)) {
			t.Errorf("a line of %d bytes: %.100s", len(line), line)
		}
	}
}

func TestWarnWithoutZap(t *testing.T) { Warn(logr.Discard(), "nobody hears") }
