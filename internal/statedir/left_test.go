//go:build linux

package statedir

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestLeftOpen(t *testing.T) {
	base := t.TempDir()
	lease := Lease{Token: 1, Deadline: time.Hour, KillBudget: time.Second, Open: true}
	// leave has a gate of a key end with a lease file as it is left.
	leave := func(key string, change func(*Lease)) *Dir {
		t.Helper()
		d, err := Open(base, key)
		if err == nil {
			err = d.TryLock()
		}
		if err == nil {
			err = d.WriteLease(lease)
		}
		l, errRead := d.ReadLease()
		if err != nil || errRead != nil {
			t.Fatal(err, errRead)
		}
		change(&l)
		if err := d.write(leaseFile, 0o640, l); err != nil {
			t.Fatal(err)
		}
		return d
	}
	ends := func(d *Dir) {
		t.Helper()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ends(leave("left", func(*Lease) {}))
	ends(leave("over", func(l *Lease) { l.Deadline = 1 }))
	ends(leave("clock", func(l *Lease) { l.TimeNamespace = "boottime 7.0" }))
	ends(leave("shut", func(l *Lease) { l.Open = false }))
	ends(leave("boot", func(l *Lease) { l.BootID = "that" }))
	ends(leave("copy", func(l *Lease) { l.Place = "elsewhere" }))
	if err := os.WriteFile(filepath.Join(base, "probe.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	living := leave("lives", func(*Lease) {})
	dying := leave("dying", func(*Lease) {})
	time.AfterFunc(100*time.Millisecond, func() { _ = dying.Close() })

	left := LeftOpen(base, "", 2*time.Second)
	want := map[string]time.Duration{"left": time.Hour, "over": 1, "clock": 0, "dying": time.Hour}
	got := map[string]time.Duration{}
	for dir, l := range left {
		got[filepath.Base(dir)] = l.Deadline
	}
	if !maps.Equal(got, want) {
		t.Errorf("left open: %v, want %v", got, want)
	}
	ends(living)
	if got := slices.Collect(maps.Keys(LeftOpen(base, "left", 0))); !slices.Equal(got, []string{filepath.Join(base, "left")}) {
		t.Errorf("of one key: %v", got)
	}
	for _, key := range []string{"shut", "never"} {
		if got := LeftOpen(base, key, 0); len(got) > 0 {
			t.Errorf("%s: %v", key, got)
		}
	}
	if _, err := os.Stat(filepath.Join(base, "never")); !os.IsNotExist(err) {
		t.Error("a directory was made")
	}
}
