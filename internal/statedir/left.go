//go:build linux

package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// LeftOpen are the directories of leases that gates before this one have left open on this boot: of a key, or of every key where it is "".
// Nothing is made or written, for there may be no room, and what cannot be read says nothing. A gate that has its flock
// sees to its own lease; it may be dying, for as long as within. The deadline of a lease of another clock is zero: nobody here knows when it is.
func LeftOpen(base, key string, within time.Duration) map[string]Lease {
	boot, errBoot := bootID()
	clock, errClock := timeNamespace()
	if errBoot != nil || errClock != nil {
		return nil
	}
	names := []string{name(key)}
	if key == "" {
		names = nil
		all, _ := os.ReadDir(base) // as far as it can be read
		for _, e := range all {
			names = append(names, e.Name())
		}
	}
	left, end := map[string]Lease{}, time.Now().Add(within)
	for _, n := range names {
		d := &Dir{dir: filepath.Join(base, n), boot: boot, clock: clock}
		if l, open := d.leftOpen(end); open {
			left[d.dir] = l
		}
	}
	return left
}

func (d *Dir) leftOpen(end time.Time) (Lease, bool) {
	if _, open := d.open(); !open {
		return Lease{}, false
	}
	if err := d.LockWithin(time.Until(end)); errors.Is(err, ErrBusy) {
		return Lease{}, false
	}
	l, open := d.open() // what it has written last
	_ = d.Close()
	return l, open
}

// open is the lease file's lease, if it is one of this directory and this boot that nobody has shut.
func (d *Dir) open() (Lease, bool) {
	l, err := d.ReadLease()
	here, errPlace := place(d.dir)
	if err != nil || errPlace != nil || !l.Open || l.BootID != d.boot || l.Place != here {
		return Lease{}, false
	}
	if d.Unclear(l) {
		l.Deadline = 0
	}
	return l, true
}
