//go:build linux

// Package unread is those outside who do not take what a gate has for them, in tests and
// trials: a log that nobody reads, a terminal stopped by ^S, scrapers that never read, an API server that never answers. A
// gate is not to notice. The timing of the trials belongs to it: an outage of half a ttl that loses no lease.
package unread

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Timing of the gates: the deadline is 8.2 s after a renewal was sent, and a heartbeat, the
// outage and an operation make 7 s. No lease is to be lost.
func Timing() mongolock.Timing {
	return mongolock.Timing{TTL: 10 * time.Second, Heartbeat: time.Second, Operation: time.Second}.WithDefaults()
}

// Outage is half a ttl.
const Outage = 5 * time.Second

// EndsWithin is how long after the database was cut off for good a gate may end: deadline and kill budget, the time
// to give the lock back in vain, and what the end may take for each that is asked to take what is left.
const EndsWithin = 10*time.Second + 2*time.Second + 8*time.Second

// Environment is the timing as settings of a gate that logs as much as it can.
func Environment() []string {
	t := Timing()
	return []string{
		"MONGOGATE_TTL=" + t.TTL.String(), "MONGOGATE_HEARTBEAT=" + t.Heartbeat.String(), "MONGOGATE_OPERATION_TIMEOUT=" + t.Operation.String(),
		"MONGOGATE_LOG_LEVEL=debug",
	}
}

// Kind is one way not to take it.
type Kind struct {
	Name string
	// InPod: the gate is to find a service account of kubetest's.
	InPod bool
	block func(b *Blocked) error
}

// Blocked is one gate's outside.
type Blocked struct {
	// Stderr is the gate's standard error; nil: its own.
	Stderr *os.File
	// Env is added to its environment.
	Env   []string
	begin func() error
	close []func() error
}

// Kinds are all.
func Kinds() []Kind {
	return []Kind{
		{Name: "stderr is a full pipe", block: fullPipe},
		{Name: "stderr is a full pipe and the driver logs", block: func(b *Blocked) error {
			b.Env = append(b.Env, "MONGODB_LOG_ALL=debug")
			return fullPipe(b)
		}},
		{Name: "stderr is a stopped terminal", block: stoppedTerminal},
		{Name: "stderr is a pipe whose reader has gone", block: deadPipe},
		{Name: "scrapers and probes that never read", block: scrapers},
		{Name: "an API server that never answers", InPod: true, block: silentAPI},
	}
}

// Block prepares what is outside of one gate. Close it.
func (k Kind) Block() (*Blocked, error) {
	b := &Blocked{}
	if err := k.block(b); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", k.Name, err), b.Close())
	}
	return b, nil
}

// Begin is for when the gate's command runs.
func (b *Blocked) Begin() error {
	if b.begin == nil {
		return nil
	}
	return b.begin()
}

// Close gives everything back.
func (b *Blocked) Close() error {
	var errs []error
	for _, c := range b.close {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// fullPipe: into standard error nothing fits, and nobody reads from it.
func fullPipe(b *Blocked) error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return err
	}
	for _, size := range []int{4096, 1} {
		for nothing := make([]byte, size); ; {
			if _, err := unix.Write(ends[1], nothing); errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return b.stderr(ends[1], ends[0])
}

// stoppedTerminal: somebody has typed ^S in it.
func stoppedTerminal(b *Blocked) error {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	terminal, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetInt(terminal, unix.TCXONC, unix.TCOOFF); err != nil {
		return err
	}
	return b.stderr(terminal, master)
}

func deadPipe(b *Blocked) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	b.Stderr = w
	b.close = append(b.close, w.Close)
	return r.Close()
}

// stderr makes a descriptor the gate's standard error, as it is in a shell's pipe.
func (b *Blocked) stderr(fd, other int) error {
	b.Stderr = os.NewFile(uintptr(fd), "blocked")
	b.close = append(b.close, func() error { return unix.Close(other) }, b.Stderr.Close)
	return unix.SetNonblock(fd, false)
}

// scrapers ask for the metrics, and kubelets for the probes, and read nothing of the answers.
func scrapers(b *Blocked) error {
	dir, err := os.MkdirTemp("", "unread-") // the name of a socket is short
	if err != nil {
		return err
	}
	b.close = append(b.close, func() error { return os.RemoveAll(dir) })
	metrics, probes := filepath.Join(dir, "m"), filepath.Join(dir, "p")
	b.Env = append(b.Env, "MONGOGATE_METRICS_ADDRESS=unix:"+metrics, "MONGOGATE_PROBE_ADDRESS=unix:"+probes)
	b.begin = func() error {
		for range 50 {
			if err := errors.Join(b.neverRead(metrics, "/metrics"), b.neverRead(probes, "/readyz")); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}
