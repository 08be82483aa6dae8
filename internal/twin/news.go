//go:build linux

package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/pipe"
	"github.com/mongogate/mongogate/internal/proctree"
)

// Plan is what the twin is to do to the workload, as the gate would.
type Plan struct {
	// Sentinels are the files that are written.
	Sentinels []string `json:"sentinels,omitempty"`
	// Kill kills the workload in a shared process namespace, as Spare says what is not.
	Kill  bool     `json:"kill,omitempty"`
	Spare []string `json:"spare,omitempty"`
	// Leave says that the end of the container is the protection.
	Leave bool `json:"leave,omitempty"`
	// Stops are the signals that ask the gate to end. It takes others, a terminal's SIGWINCH say, for nothing of the kind.
	Stops proctree.SignalSet `json:"stops"`
	// Scan is the time between looks, KillAfter and Budget are counted from the deadline.
	Scan      time.Duration `json:"scan"`
	KillAfter time.Duration `json:"killAfter"`
	Budget    time.Duration `json:"budget"`
	// Code is what the container ends with when the twin has stopped the workload; zero for [ExitLost].
	Code int `json:"code,omitempty"`
}

// stage is where the gate is with its workload.
type stage string

const (
	held     stage = "held"     // it may run until At
	stopping stage = "stopping" // the gate is stopping it, and will have killed it at At
	shut     stage = "shut"     // nothing of it may run
)

// news is the whole of what the gate knows, one line of JSON each.
type news struct {
	Seq   uint64        `json:"seq"`
	Plan  *Plan         `json:"plan,omitempty"` // with the first
	Stage stage         `json:"stage"`
	At    time.Duration `json:"at,omitempty"` // of CLOCK_BOOTTIME
}

// confirmation answers the newest news.
type confirmation struct {
	Seq uint64 `json:"seq"`
}

// send writes a line to a non-blocking pipe. A full one takes nothing: whoever does not read will be found out.
func send(fd int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if b = append(b, '\n'); len(b) > pipe.Size {
		return fmt.Errorf("the message to the twin has %d bytes, more than %d", len(b), pipe.Size)
	}
	return pipe.Send(fd, b)
}

// lines reads whole lines from a non-blocking pipe.
type lines struct {
	fd   int
	rest []byte
}

// drain gives all lines that are there. The error is [io.EOF] once nobody can write any more.
func (l *lines) drain() (all [][]byte, err error) {
	b, err := pipe.Drain(l.fd)
	for l.rest = append(l.rest, b...); ; {
		line, rest, found := bytes.Cut(l.rest, []byte{'\n'})
		if !found {
			return all, err
		}
		all, l.rest = append(all, line), rest
	}
}
