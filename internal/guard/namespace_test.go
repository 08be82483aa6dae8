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

// isolated is a command in a process namespace of its own, as a user.
func isolated(t *testing.T, uid int, s gateSpec) gateSpec {
	t.Helper()
	if err := guard.IsolatePIDs.Check(); err != nil {
		t.Skip(err)
	}
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
		r := start(t, isolated(t, uid, shell(`
ps=$(echo /proc/[0-9]*); grep -c . /proc/self/status >/dev/null && echo "$$ $PPID $(id -u) $ps $(grep CapEff /proc/self/status)" >"$DIR/sees"; exit 7`)))
		if e := r.next("start", "gone"); e.Kind == "start" {
			if e := r.gone(7, unasked); e.Err != "" {
				t.Errorf("gone: %+v", e)
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
		r := up(t, isolated(t, uid, shell(polite)))
		r.order("forward " + itoa(int(unix.SIGTERM)))
		r.untilFile("asked")
		r.gone(0, asked)
	})
}

// However the command ends, its code is told, and what it leaves is stopped.
func TestNamespaceTellsTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		command gateSpec
		code    int
		err     string
	}{
		"of what is not there":      {gateSpec{Path: "/nowhere/at/all"}, 127, "no such file"},
		"by a signal":               {shell(`kill -9 $$`), 128 + 9, ""},
		"with a daemon left behind": {shell(stubbornDaemon), 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			users(t, func(t *testing.T, uid int) {
				r := start(t, isolated(t, uid, c.command))
				r.next("start")
				if e := r.next("gone"); e.Code != c.code || !strings.Contains(e.Err, c.err) {
					t.Errorf("gone: %+v, want %d", e, c.code)
				}
				r.nothingLeft()
			})
		})
	}
}

const stubbornDaemon = `
(setsid sh -c 'trap "" TERM; echo daemon >"$DIR/daemon"; while :; do sleep 0.05; done' &)
while [ ! -s "$DIR/daemon" ]; do sleep 0.01; done
exit 3`

// Gate and guard killed at once, from outside: the kernel ends all of it.
func TestNamespaceEndsWithGateAndGuard(t *testing.T) {
	users(t, func(t *testing.T, uid int) {
		r := up(t, isolated(t, uid, shell(stubborn)))
		g := r.guard()
		r.signalGate(syscall.SIGSTOP) // or it would do it
		r.signal(g, syscall.SIGKILL)
		r.signalGate(syscall.SIGKILL)
		r.untilGone(slack)
	})
}
