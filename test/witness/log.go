//go:build linux

package witness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// The events of a log.
const (
	Start  = "start"
	Beat   = "beat"
	End    = "end"
	Gone   = "gone"
	Excuse = "excuse"
)

// Entry is one line of a log.
type Entry struct {
	// At is the instant, in nanoseconds of CLOCK_BOOTTIME: one clock for all processes of a machine.
	At    time.Duration `json:"at"`
	Event string        `json:"event"`
	Key   string        `json:"key"`
	// ID names the workload, PID the process of it that wrote the line.
	ID  string `json:"id,omitempty"`
	PID int    `json:"pid,omitempty"`
	// Token is the fencing token that the workload was started with.
	Token int64 `json:"token,omitempty"`
	// Beside, of a start, are the other workloads of the key that were found alive.
	Beside []string `json:"beside,omitempty"`
	// Alive, of a gone, is the last instant at which something of the workload was seen alive.
	Alive time.Duration `json:"alive,omitempty"`
	// Note is for people.
	Note string `json:"note,omitempty"`
}

// Log is a log that is written to. Several processes may have it open.
type Log struct{ file *os.File }

// Open opens a log for writing, and makes it if it is not there.
func Open(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("witness's log: %w", err)
	}
	return &Log{f}, nil
}

// Write appends one line, in one call to the kernel, which keeps lines of
// several writers apart (O_APPEND). Where At is zero it is now.
func (l *Log) Write(e Entry) error {
	if e.At == 0 {
		e.At = gate.BootClock().Now()
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("witness's log: %w", err)
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("witness's log: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Reader reads a log that grows.
type Reader struct {
	path   string
	offset int64
	line   int
	rest   int // bytes of a line that is not finished yet
}

// NewReader begins at the beginning. It keeps no file open.
func NewReader(path string) *Reader { return &Reader{path: path} }

// Next gives the lines that have been added. A line that is no entry is an
// error: nothing that was witnessed may be passed over.
func (r *Reader) Next() ([]Entry, error) {
	b, err := r.added()
	if err != nil {
		return nil, fmt.Errorf("witness's log: %w", err)
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	r.offset, r.rest = r.offset+int64(end), len(b)-end
	var all []Entry
	for line := range bytes.Lines(b[:end]) {
		r.line++
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("witness's log %s, line %d: %w", r.path, r.line, err)
		}
		if e.At == 0 || e.Event == "" {
			return nil, fmt.Errorf("witness's log %s, line %d: no instant or no event", r.path, r.line)
		}
		all = append(all, e)
	}
	return all, nil
}

func (r *Reader) added() ([]byte, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// Read reads a whole log to which nobody writes any more.
func Read(path string) ([]Entry, error) {
	r := NewReader(path)
	all, err := r.Next()
	if err != nil {
		return nil, err
	}
	if r.rest > 0 {
		return nil, fmt.Errorf("witness's log %s: the last line is not whole", path)
	}
	return all, nil
}
