//go:build linux

package guard_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
)

// isolated is a shell in a process namespace of its own, as root and as another user.
func isolated(t *testing.T, uid int, script string) gateSpec {
	t.Helper()
	if err := guard.IsolatePIDs.Check(); err != nil {
		t.Skip(err)
	}
	s := shell(script)
	s.Isolation, s.UID = guard.IsolatePIDs, uid
	return s
}

func users(t *testing.T, test func(t *testing.T, uid int)) {
	if os.Geteuid() != 0 {
		test(t, 0)
		return
	}
	t.Run("root", func(t *testing.T) { test(t, 0) })
	t.Run("another user", func(t *testing.T) { test(t, ownUser()) })
}

func TestNamespaceIsTheCommandsOwn(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		s := isolated(t, uid, `
ps=$(echo /proc/[0-9]*); grep -c . /proc/self/status >/dev/null && echo "$$ $PPID $(id -u) $ps $(grep CapEff /proc/self/status)" >"$DIR/sees"; exit 7`)
		r := start(t, s)
		if e := r.next("start", "gone"); e.Kind == "start" {
			if e := r.next("gone"); e.Code != 7 || e.Err != "" || !e.Unasked {
				t.Errorf("gone: %+v, want the command's own code", e)
			}
		}
		saw := strings.Fields(r.untilFile("sees"))
		if saw[1] != "1" || saw[2] != itoa(uid) || len(saw) > 9 {
			t.Errorf("the command sees %v: want itself, process 1, and nobody else", saw)
		}
		if uid != 0 && saw[len(saw)-1] != "0000000000000000" {
			t.Errorf("capabilities %v, want none", saw[len(saw)-1])
		}
	})
}

func TestNamespaceForwardsAndEnds(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		r := start(t, isolated(t, uid, polite))
		r.next("start")
		r.untilFile("up")
		r.order("forward " + itoa(int(unix.SIGTERM)))
		r.untilFile("asked")
		if e := r.next("gone"); e.Code != 0 || e.Unasked {
			t.Errorf("gone: %+v", e)
		}
	})
}

func TestNamespaceCommandThatIsNotThere(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		s := isolated(t, uid, "")
		s.Path, s.Args = "/nowhere/at/all", nil
		r := start(t, s)
		r.next("start")
		if e := r.next("gone"); e.Code != 127 || !strings.Contains(e.Err, "no such file") {
			t.Errorf("gone: %+v, want 127", e)
		}
	})
}

func TestNamespaceKilledBySignal(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		r := start(t, isolated(t, uid, `kill -9 $$`))
		r.next("start")
		if e := r.next("gone"); e.Code != 128+9 {
			t.Errorf("gone: %+v, want 137", e)
		}
	})
}

// What the command leaves is stopped, or waited for.
func TestNamespaceWhatIsLeft(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		r := start(t, isolated(t, uid, stubbornDaemon))
		r.next("start")
		if e := r.next("gone"); e.Code != 3 {
			t.Errorf("gone: %+v, want 3", e)
		}
		if left := r.left(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

const stubbornDaemon = `
(setsid sh -c 'trap "" TERM; echo daemon >"$DIR/daemon"; while :; do sleep 0.05; done' &)
while [ ! -s "$DIR/daemon" ]; do sleep 0.01; done
exit 3`

// Gate and guard killed at once, from outside: the kernel ends all of it.
func TestNamespaceEndsWithGateAndGuard(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		r := start(t, isolated(t, uid, stubborn))
		r.next("start")
		r.untilFile("up")
		g := r.guard()
		r.signalGate(syscall.SIGSTOP) // or it would do it
		r.signal(g, syscall.SIGKILL)
		r.signalGate(syscall.SIGKILL)
		r.untilGone(slack)
	})
}
