//go:build linux

package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mongogate/mongogate/internal/atomicfile"
	"github.com/mongogate/mongogate/internal/smallfile"
)

// Lease is what the lease file says.
type Lease struct {
	Key    string `json:"key"`
	Holder string `json:"holder"`
	Token  int64  `json:"token"`
	// BootID and Deadline (nanoseconds of CLOCK_BOOTTIME) say until when the
	// gate is open, unless the file is rewritten with a later one.
	BootID string `json:"bootID"`
	// TimeNamespace is empty for the kernel's own: else the deadline is of another clock.
	TimeNamespace string        `json:"timeNamespace,omitempty"`
	Deadline      time.Duration `json:"deadlineBoottimeNs"`
	// Place names the directory that the file was written for: a copy elsewhere shows no lease.
	Place string `json:"place"`
	// KillBudget is the time after the deadline within which every process must be gone.
	KillBudget time.Duration `json:"killBudgetNs"`
	// Open is false from the moment the gate is shut.
	Open bool `json:"open"`
}

var (
	// ErrShut says that the file shows no lease that is open.
	ErrShut = errors.New("the gate is shut")
	// ErrNoLease says that there is no lease file.
	ErrNoLease = errors.New("no lease file")
)

// Live returns nil while the lease is open at the instant now of this boot.
func (l Lease) Live(bootID string, now time.Duration) error {
	switch {
	case !l.Open:
		return ErrShut
	case l.BootID != bootID:
		return fmt.Errorf("%w: the lease is of another boot", ErrShut)
	case now >= l.Deadline:
		return &overError{now - l.Deadline}
	}
	return nil
}

// BootID is that of the running kernel.
func (d *Dir) BootID() string { return d.boot }

// Live returns nil while the lease is open at the instant now of this process's clock.
func (d *Dir) Live(l Lease, now time.Duration) error {
	if d.Unclear(l) {
		return fmt.Errorf("%w: the lease is of another time namespace (%s), whose clock is not ours", ErrShut, show(l.TimeNamespace))
	}
	if err := l.Live(d.boot, now); err != nil {
		return err
	}
	here, err := place(d.dir)
	if err != nil {
		return err
	}
	if l.Place != here {
		return fmt.Errorf("%w: %s is a copy of the directory of another gate", ErrShut, d.dir)
	}
	return nil
}

// Unclear says of a lease of this boot that its deadline is of another clock: nobody here knows when it is over.
func (d *Dir) Unclear(l Lease) bool { return l.BootID == d.boot && l.TimeNamespace != d.clock }

func show(timeNamespace string) string {
	if timeNamespace == "" {
		return "the kernel's"
	}
	return timeNamespace
}

// WriteLease rewrites the lease file. The caller holds the flock. A lease that was shut stays shut.
func (d *Dir) WriteLease(l Lease) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.writeLease(l)
}

func (d *Dir) writeLease(l Lease) error {
	if !d.Locked() {
		return fmt.Errorf("writing the lease file: %w", ErrBusy)
	}
	if err := d.same(); err != nil {
		return err
	}
	if l.Token <= d.shut {
		l.Open = false
	}
	here, err := place(d.dir)
	if err != nil {
		return err
	}
	l.BootID, l.TimeNamespace, l.Place = d.boot, d.clock, here
	return d.write(leaseFile, 0o640, l)
}

// ShutLease rewrites the lease file as shut, for good: no later WriteLease of
// this token or an older one, such as a renewal that was under way, opens it again.
func (d *Dir) ShutLease(token int64) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.shut = max(d.shut, token)
	l, err := d.ReadLease()
	switch {
	case errors.Is(err, ErrNoLease):
		return nil
	case err != nil:
		l = Lease{Token: token} // what cannot be read is replaced
	case !l.Open:
		return nil
	}
	l.Open = false
	return d.writeLease(l)
}

// ReadLease reads the lease file; [ErrNoLease] where there is none.
func (d *Dir) ReadLease() (Lease, error) { return readLease(d.path(leaseFile)) }

func readLease(path string) (Lease, error) {
	var l Lease
	err := read(path, &l)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %s", ErrNoLease, path)
	}
	return l, err
}

// maxState is more than any of our files has. Others of the group write here too: nothing that they leave is waited for or read without end.
const maxState = 64 << 10

func read(path string, to any) error {
	b, err := smallfile.Read(path, maxState)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("state file %s: %w", path, err)
	}
	return nil
}

func (d *Dir) write(name string, mode os.FileMode, v any) error {
	return replace(d.dir, name, mode, v)
}

// replace replaces a file in one step: a reader sees the old one or the new one.
func replace(dir, name string, mode os.FileMode, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = atomicfile.Write(filepath.Join(dir, name), mode, func(w io.Writer) error {
			_, err := w.Write(append(b, '\n'))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("state directory: writing %s: %w", name, err)
	}
	return nil
}

// overError is an [ErrShut]: the lease file is as its gate has left it, and the deadline is over.
type overError struct{ since time.Duration }

func (e *overError) Error() string {
	return fmt.Sprintf("%v: the deadline passed %v ago", ErrShut, e.since.Round(time.Millisecond))
}

func (e *overError) Is(target error) bool { return target == ErrShut }
