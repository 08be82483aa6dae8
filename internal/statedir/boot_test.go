//go:build linux

package statedir

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// otherTime runs what follows in a time namespace whose CLOCK_BOOTTIME is off by so much.
func otherTime(t *testing.T, offset string) []string {
	t.Helper()
	under := []string{"unshare", "--time", "--boottime", offset, "--fork", "--kill-child"}
	if err := exec.Command(under[0], append(under[1:], "true")...).Run(); err != nil {
		t.Skipf("no time namespace here: %v", err)
	}
	return under
}

// A lease that is over by this clock and open by that one, and the reverse.
func TestLeaseOfAnotherTimeNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a time namespace")
	}
	d := locked(t)
	l := lease(1)
	l.Deadline = gate.BootClock().Now() + time.Hour
	write(t, d, l)
	base := strings.TrimSuffix(d.Path(), "/key")
	if said, _, _ := startChild(t, "sees", base); said != "ok" {
		t.Fatalf("in our own time namespace: %s", said)
	}
	for _, offset := range []string{"-60", "1000"} {
		under := otherTime(t, offset)
		if said, _, _ := startChildUnder(t, under, "sees", base); !strings.Contains(said, "another time namespace") {
			t.Errorf("boottime %s: a follower there says %q of a lease whose clock is not its own", offset, said)
		}
	}
}

// The clocks of two namespaces with the same offset are one.
func TestLeaseOfATimeNamespaceWithOurOffset(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for a time namespace")
	}
	d := locked(t)
	l := lease(1)
	l.Deadline = gate.BootClock().Now() + time.Hour
	write(t, d, l)
	said, _, _ := startChildUnder(t, otherTime(t, "0"), "sees", strings.TrimSuffix(d.Path(), "/key"))
	if said != "ok" {
		t.Errorf("a follower there says %q", said)
	}
}

// What a follower has said of its processes holds for the boot, whoever reads it with whichever clock.
func TestWordOfAnotherTimeNamespace(t *testing.T) {
	d := locked(t)
	if err := d.say(1, true); err != nil {
		t.Fatal(err)
	}
	d.clock = "another"
	if crashed, err := d.Crashed(); err != nil || !crashed {
		t.Errorf("crashed: %v, %v: the word of a follower with another clock counts for nothing", crashed, err)
	}
}
