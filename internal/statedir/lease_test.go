//go:build linux

package statedir

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

func TestLive(t *testing.T) {
	good := Lease{Key: "k", Token: 1, BootID: "this", Deadline: 10 * time.Second, KillBudget: time.Second, Open: true}
	change := func(f func(*Lease)) Lease { l := good; f(&l); return l }
	for name, test := range map[string]struct {
		lease Lease
		now   time.Duration
		shut  bool
	}{
		"held":             {good, 9 * time.Second, false},
		"one tick before":  {good, 10*time.Second - 1, false},
		"at the deadline":  {good, 10 * time.Second, true},
		"past it":          {good, time.Hour, true},
		"shut":             {change(func(l *Lease) { l.Open = false }), 0, true},
		"another boot":     {change(func(l *Lease) { l.BootID = "that" }), 0, true},
		"no boot":          {change(func(l *Lease) { l.BootID = "" }), 0, true},
		"nothing":          {Lease{}, 0, true},
		"no deadline":      {change(func(l *Lease) { l.Deadline = 0 }), 0, true},
		"another boot, no": {change(func(l *Lease) { l.BootID, l.Open = "that", false }), 0, true},
	} {
		if err := test.lease.Live("this", test.now); errors.Is(err, ErrShut) != test.shut || (err != nil) != test.shut {
			t.Errorf("%s: %v, want shut: %v", name, err, test.shut)
		}
	}
}

func TestReadLease(t *testing.T) {
	d := locked(t)
	if _, err := d.ReadLease(); !errors.Is(err, ErrNoLease) {
		t.Errorf("no file: %v", err)
	}
	for _, garbage := range []string{"", "{", "null garbage", `{"token":"x"}`, `[]`, `{"open":true`} {
		must.Do(t, os.WriteFile(d.path(leaseFile), []byte(garbage), 0o600))
		if l, err := d.ReadLease(); err == nil || errors.Is(err, ErrNoLease) {
			t.Errorf("%q: %+v, %v", garbage, l, err)
		}
	}
	// An empty object is a lease of nobody: shut.
	must.Do(t, os.WriteFile(d.path(leaseFile), []byte(`{}`), 0o600))
	l, err := d.ReadLease()
	if err != nil || !errors.Is(l.Live(d.BootID(), 0), ErrShut) {
		t.Errorf("%+v, %v", l, err)
	}
	want := Lease{Key: "k", Holder: "h", Token: 1 << 60, Deadline: time.Hour, KillBudget: time.Second, Open: true}
	must.Do(t, d.WriteLease(want))
	want.BootID = d.BootID()
	want.Place = must.Get(place(d.Path()))(t)
	if got, err := d.ReadLease(); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// A reader never sees half a file, and nothing is left behind.
func TestLeaseFileIsReplacedInOneStep(t *testing.T) {
	d := locked(t)
	holder := strings.Repeat("h", 20_000) // of more than one page
	write := func(token int64) {
		if err := d.WriteLease(Lease{Holder: holder, Token: token, Deadline: time.Duration(token), Open: true}); err != nil {
			t.Error(err)
		}
	}
	write(1)
	var done, readers sync.WaitGroup
	quit := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				if l, err := d.ReadLease(); err != nil || l.Holder != holder || int64(l.Deadline) != l.Token {
					t.Errorf("token %d, deadline %d, %d bytes: %v", l.Token, l.Deadline, len(l.Holder), err)
					return
				}
			}
		})
	}
	for i := range 2 {
		done.Go(func() {
			for n := range 300 {
				write(int64(2 + 2*n + i))
			}
		})
	}
	done.Wait()
	close(quit)
	readers.Wait()
	left, err := filepath.Glob(d.path(".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestNothingIsWrittenWithoutTheFlock(t *testing.T) {
	base := t.TempDir()
	if said, _ := startChild(t, "lock", base); said != "ok" {
		t.Fatal(said)
	}
	d := open(t, base, "key")
	if err := d.TryLock(); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"lease": d.WriteLease(Lease{Open: true}), "nonce": d.AddNonce("n"), "nonces": d.KeepNonces("n"),
	} {
		if !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	files, err := os.ReadDir(d.Path())
	for _, f := range files { // which are there from the start
		if f.Name() != gateLock && f.Name() != followerLock {
			t.Errorf("%s was written", f.Name())
		}
	}
	if err != nil || len(files) == 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestALeaseThatWasShutStaysShut(t *testing.T) {
	d := locked(t)
	l := Lease{Token: 7, Deadline: time.Hour, Open: true}
	isOpen := func() bool {
		got := must.Get(d.ReadLease())(t)
		return got.Open
	}
	if err := d.WriteLease(l); err != nil || !isOpen() {
		t.Fatal(err, isOpen())
	}
	if err := d.ShutLease(7); err != nil || isOpen() {
		t.Errorf("%v, open: %v", err, isOpen())
	}
	// The renewal that was under way.
	if err := d.WriteLease(l); err != nil || isOpen() {
		t.Errorf("opened again: %v, %v", err, isOpen())
	}
	l.Token = 8
	if err := d.WriteLease(l); err != nil || !isOpen() {
		t.Errorf("the next one: %v, open: %v", err, isOpen())
	}
	must.Do(t, os.WriteFile(d.path(leaseFile), []byte("{"), 0o600))
	if err := d.ShutLease(8); err != nil || isOpen() {
		t.Errorf("garbage: %v, open: %v", err, isOpen())
	}
}

func TestNonces(t *testing.T) {
	d := locked(t)
	is := func(want ...string) {
		t.Helper()
		if got, err := d.Nonces(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	is()
	for i := range maxNonces + 5 {
		must.Do(t, d.AddNonce(fmt.Sprint(i)))
	}
	var newest []string
	for i := range maxNonces {
		newest = append(newest, fmt.Sprint(5+i))
	}
	is(newest...)
	must.Do(t, d.KeepNonces("a", "b"))
	is("a", "b")
	// Who has no flock gets none, although the file is there.
	must.Do(t, d.Close())
	is()
	must.Do(t, d.TryLock())
	is("a", "b")
	// Of another boot: the processes of that acquisition have ended, but so has the clock that it was measured by.
	d.boot = "another"
	is()
	must.Do(t, d.AddNonce("c"))
	is("c")
	for _, garbage := range []string{"", "{", `{"bootID":"another","nonces":[1]}`, "[]"} {
		must.Do(t, os.WriteFile(d.path(nonceFile), []byte(garbage), 0o600))
		is()
		if err := d.AddNonce("d"); err != nil {
			t.Errorf("after %q: %v", garbage, err)
		}
		is("d")
	}
	// What cannot be read is not forgotten.
	must.Do(t, errors.Join(os.Remove(d.path(nonceFile)), os.Mkdir(d.path(nonceFile), 0o700)))
	if err := d.AddNonce("e"); err == nil {
		t.Error("no error")
	}
}

func TestLeftOpen(t *testing.T) {
	base := t.TempDir()
	lease := Lease{Token: 1, Deadline: time.Hour, KillBudget: time.Second, Open: true}
	// leave has a gate of a key end with a lease file as it is left.
	leave := func(key string, change func(*Lease)) *Dir {
		t.Helper()
		d := must.Get(Open(base, key))(t)
		must.Do(t, d.TryLock())
		write(t, d, lease)
		l := must.Get(d.ReadLease())(t)
		change(&l)
		must.Do(t, d.write(leaseFile, 0o640, l))
		return d
	}
	ends := func(d *Dir) { t.Helper(); must.Do(t, d.Close()) }
	ends(leave("left", func(*Lease) {}))
	ends(leave("over", func(l *Lease) { l.Deadline = 1 }))
	ends(leave("clock", func(l *Lease) { l.TimeNamespace = "boottime 7.0" }))
	ends(leave("shut", func(l *Lease) { l.Open = false }))
	ends(leave("boot", func(l *Lease) { l.BootID = "that" }))
	ends(leave("copy", func(l *Lease) { l.Place = "elsewhere" }))
	must.Do(t, os.WriteFile(filepath.Join(base, "probe.sock"), nil, 0o600))
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
