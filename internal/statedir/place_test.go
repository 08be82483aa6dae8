//go:build linux

package statedir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// TestCopyIsAnotherPlace: whoever copies a state directory has neither its nonces nor its lease; the original keeps both,
// and so does one that was moved.
func TestCopyIsAnotherPlace(t *testing.T) {
	d := locked(t)
	base := filepath.Dir(d.Path())
	must.Do(t, errors.Join(d.KeepNonces("A", "B"), d.WriteLease(lease(7))))
	look := func(name string, d *Dir, want bool) {
		t.Helper()
		must.Do(t, d.TryLock())
		n, err := d.Nonces()
		if err != nil || want != slices.Equal(n, []string{"A", "B"}) || !want && len(n) > 0 {
			t.Errorf("%s: nonces %v, %v", name, n, err)
		}
		l := must.Get(d.ReadLease())(t)
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
		must.Do(t, copied.AddNonce("C"))
		if n, err := copied.Nonces(); err != nil || !slices.Equal(n, []string{"C"}) {
			t.Errorf("%s: %v, %v", name, n, err)
		}
	}
	must.Do(t, d.Close())
	again := open(t, base, "key")
	look("the original, opened again", again, true)
	must.Do(t, again.Close())
	moved := filepath.Join(t.TempDir(), "moved")
	if out, err := exec.Command("mv", base, moved).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	look("the original, moved", open(t, moved, "key"), true)
}

// otherTime runs what follows in a time namespace whose CLOCK_BOOTTIME is off by so much.
func otherTime(t *testing.T, offset string) []string {
	t.Helper()
	under := []string{"unshare", "--time", "--boottime", offset, "--fork", "--kill-child"}
	if err := exec.Command(under[0], append(under[1:], "true")...).Run(); err != nil {
		t.Skipf("no time namespace here: %v", err)
	}
	return under
}

// leased is a base directory with a lease of a key.
func leased(t *testing.T) (base string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a time namespace")
	}
	d, l := locked(t), lease(1)
	l.Deadline = gate.BootClock().Now() + time.Hour
	write(t, d, l)
	return filepath.Dir(d.Path())
}

// A lease that is over by this clock and open by that one, and the reverse.
func TestLeaseOfAnotherTimeNamespace(t *testing.T) {
	base := leased(t)
	if said, _ := startChild(t, "sees", base); said != "ok" {
		t.Fatalf("in our own time namespace: %s", said)
	}
	for _, offset := range []string{"-60", "1000"} {
		under := otherTime(t, offset)
		if said, _ := startChild(t, "sees", base, under...); !strings.Contains(said, "another time namespace") {
			t.Errorf("boottime %s: a follower there says %q of a lease whose clock is not its own", offset, said)
		}
	}
}

// The clocks of two namespaces with the same offset are one.
func TestLeaseOfATimeNamespaceWithOurOffset(t *testing.T) {
	said, _ := startChild(t, "sees", leased(t), otherTime(t, "0")...)
	if said != "ok" {
		t.Errorf("a follower there says %q", said)
	}
}

// What a follower has said of its processes holds for the boot, whoever reads it with whichever clock.
func TestWordOfAnotherTimeNamespace(t *testing.T) {
	d := locked(t)
	must.Do(t, d.say(1, true))
	d.clock = "another"
	if crashed, err := d.Crashed(); err != nil || !crashed {
		t.Errorf("crashed: %v, %v: the word of a follower with another clock counts for nothing", crashed, err)
	}
}

// A directory that was moved away and made anew knows nothing of the follower that runs under the lease: no evidence comes out of it.
func TestDirectoryThatWasReplaced(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"moved away":               func(path string) error { return os.Rename(path, path+"-gone") },
		"removed":                  os.RemoveAll,
		"moved away and made anew": func(path string) error { return firstError(os.Rename(path, path+"-gone"), os.Mkdir(path, 0o770)) },
		"anew, with a lock of them": func(path string) error {
			return firstError(os.Rename(path, path+"-gone"), os.Mkdir(path, 0o770), os.WriteFile(path+"/gate.lock", nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := locked(t)
			must.Do(t, d.MarkIdle(1))
			must.Do(t, replace(d.Path()))
			if err := d.MarkIdle(2); err == nil {
				t.Error("it was said that nothing runs")
			}
			if f, err := d.Stopped(2); f != nil || err == nil {
				t.Errorf("evidence: %v, %v", f, err)
			}
			if err := d.WriteLease(Lease{Token: 2, Open: true}); err == nil {
				t.Error("a lease was written where nobody looks for it")
			}
			if crashed, err := d.Crashed(); err != nil || !crashed {
				t.Errorf("evidence is waited for: %v, %v", crashed, err)
			}
		})
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
