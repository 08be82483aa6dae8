//go:build linux

package statedir

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// TestCopyIsAnotherPlace: whoever copies a state directory has neither its nonces nor its lease; the original keeps both,
// and so does one that was moved.
func TestCopyIsAnotherPlace(t *testing.T) {
	base := t.TempDir()
	d := open(t, base, "key")
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.KeepNonces("A", "B"), d.WriteLease(Lease{Key: "key", Token: 7, Deadline: gate.BootClock().Now() + time.Hour, Open: true})); err != nil {
		t.Fatal(err)
	}
	look := func(name string, d *Dir, want bool) {
		t.Helper()
		if err := d.TryLock(); err != nil {
			t.Fatal(err)
		}
		n, err := d.Nonces()
		if err != nil || want != slices.Equal(n, []string{"A", "B"}) || !want && len(n) > 0 {
			t.Errorf("%s: nonces %v, %v", name, n, err)
		}
		l, err := d.ReadLease()
		if err != nil {
			t.Fatal(err)
		}
		if live := d.Live(l, gate.BootClock().Now()); (live == nil) != want || live != nil && !errors.Is(live, ErrShut) {
			t.Errorf("%s: %v, want live %v", name, live, want)
		}
	}
	look("the original", d, true)
	for name, how := range map[string][]string{"cp -a": {"cp", "-a"}, "cp -r": {"cp", "-r"}, "cp --reflink": {"cp", "-a", "--reflink=auto"}} {
		elsewhere := filepath.Join(t.TempDir(), "copy")
		if out, err := exec.Command(how[0], append(how[1:], base, elsewhere)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		copied := open(t, elsewhere, "key")
		look(name, copied, false)
		// What is done there is that place's own.
		if err := copied.AddNonce("C"); err != nil {
			t.Fatal(err)
		}
		if n, err := copied.Nonces(); err != nil || !slices.Equal(n, []string{"C"}) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, base, "key")
	look("the original, opened again", again, true)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if out, err := exec.Command("mv", base, moved).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	look("the original, moved", open(t, moved, "key"), true)
}
