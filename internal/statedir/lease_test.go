//go:build linux

package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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
		if err := os.WriteFile(d.path(leaseFile), []byte(garbage), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := d.ReadLease(); err == nil || errors.Is(err, ErrNoLease) {
			t.Errorf("%q: %+v, %v", garbage, l, err)
		}
	}
	// An empty object is a lease of nobody: shut.
	if err := os.WriteFile(d.path(leaseFile), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := d.ReadLease()
	if err != nil || !errors.Is(l.Live(d.BootID(), 0), ErrShut) {
		t.Errorf("%+v, %v", l, err)
	}
	want := Lease{Key: "k", Holder: "h", Token: 1 << 60, Deadline: time.Hour, KillBudget: time.Second, Open: true}
	if err := d.WriteLease(want); err != nil {
		t.Fatal(err)
	}
	want.BootID = d.BootID()
	if want.Place, err = place(d.Path()); err != nil {
		t.Fatal(err)
	}
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
	if said, _, _ := startChild(t, "lock", base); said != "ok" {
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
		got, err := d.ReadLease()
		if err != nil {
			t.Fatal(err)
		}
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
	if err := os.WriteFile(d.path(leaseFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.ShutLease(8); err != nil || isOpen() {
		t.Errorf("garbage: %v, open: %v", err, isOpen())
	}
}

func TestNonces(t *testing.T) {
	base := t.TempDir()
	d := open(t, base, "key")
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	is := func(want ...string) {
		t.Helper()
		if got, err := d.Nonces(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	is()
	for i := range maxNonces + 5 {
		if err := d.AddNonce(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	var newest []string
	for i := range maxNonces {
		newest = append(newest, fmt.Sprint(5+i))
	}
	is(newest...)
	if err := d.KeepNonces("a", "b"); err != nil {
		t.Fatal(err)
	}
	is("a", "b")
	// Who has no flock gets none, although the file is there.
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	is()
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	is("a", "b")
	// Of another boot: the processes of that acquisition have ended, but so has the clock that it was measured by.
	d.boot = "another"
	is()
	if err := d.AddNonce("c"); err != nil {
		t.Fatal(err)
	}
	is("c")
	for _, garbage := range []string{"", "{", `{"bootID":"another","nonces":[1]}`, "[]"} {
		if err := os.WriteFile(d.path(nonceFile), []byte(garbage), 0o600); err != nil {
			t.Fatal(err)
		}
		is()
		if err := d.AddNonce("d"); err != nil {
			t.Errorf("after %q: %v", garbage, err)
		}
		is("d")
	}
	// What cannot be read is not forgotten.
	if err := errors.Join(os.Remove(d.path(nonceFile)), os.Mkdir(d.path(nonceFile), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := d.AddNonce("e"); err == nil {
		t.Error("no error")
	}
}
