//go:build linux

package guard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

func itoa(n int) string { return strconv.Itoa(n) }

// stubborn ignores SIGTERM, and so does all that it starts: a child, and a
// daemon that has forked twice and made a session of its own.
const stubborn = `
trap '' TERM HUP INT
(setsid sh -c 'sh -c "while :; do sleep 0.05; done" & echo daemon >"$DIR/daemon"' &)
sh -c 'while :; do sleep 0.05; done' &
while [ ! -s "$DIR/daemon" ]; do sleep 0.01; done
echo $$ >"$DIR/up"
while :; do sleep 0.05; done`

// polite says that it was asked.
const polite = `
trap 'echo asked >"$DIR/asked"; exit 0' TERM
echo up >"$DIR/up"
while :; do sleep 0.02; done`

func TestGuardKilledTreeGone(t *testing.T) {
	r := up(t, shell(stubborn))
	r.signal(r.guard(), syscall.SIGKILL)
	r.untilGone(slack) // at once: nobody has to ask for it
	if e := r.next("broken"); !strings.Contains(e.Err, "guard was killed") {
		t.Errorf("broken: %q", e.Err)
	}
	if e := r.gone(128+9, asked); e.Err != "" {
		t.Errorf("gone: %+v", e)
	}
}

// The kernel kills the command with its guard, without the gate's help.
func TestCommandDiesWithGuard(t *testing.T) {
	for name, tweak := range map[string]func(*exec.Cmd){
		"started by the guard":    func(*exec.Cmd) {},
		"started by the launcher": atTerminalWithOutput(openTerminal(t)),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, shell(`echo $$ >"$DIR/pid"; while :; do sleep 0.05; done`), tweak)
			pid := r.pid("pid")
			g := r.guard()
			r.signalGate(syscall.SIGSTOP)
			r.signal(g, syscall.SIGKILL)
			must.HappenWithin(t, slack, "the command's death", func() bool {
				p, err := proctree.Look(pid)
				return err != nil || !p.Alive()
			})
		})
	}
}

func TestGateKilledTreeGone(t *testing.T) {
	r := start(t, shell(stubborn))
	r.untilFile("up")
	r.signalGate(syscall.SIGKILL)
	r.untilGone(300*time.Millisecond + slack)
}

func TestGateKilledTreeIsAskedFirst(t *testing.T) {
	s := shell(polite)
	s.Kill, s.KillAfter = time.Hour, 30*time.Minute
	r := start(t, s)
	r.untilFile("up")
	r.signalGate(syscall.SIGKILL)
	r.untilFile("asked")
	r.untilGone(slack)
}

func TestDeadlineMovesWithRenewals(t *testing.T) {
	t.Parallel()
	s := shell(polite)
	s.Lease, s.Renew = 900*time.Millisecond, 100*time.Millisecond
	r := up(t, s)
	begun := r.begun
	must.Happen(t, "three leases have passed", func() bool { return now() > begun.At+3*s.Lease })
	if got := r.read("asked"); got != "" {
		t.Fatal("stopped although the lease was renewed")
	}
	r.order("norenew")
	stopped := now()
	e := r.next("gone")
	if e.At > stopped+s.Lease+300*time.Millisecond+slack {
		t.Errorf("gone %v after the last renewal", e.At-stopped)
	}
	if e.Unasked {
		t.Errorf("gone: %+v, want asked for: the guard had stopped it", e)
	}
	r.untilFile("asked")
}

func TestTerminateThenKill(t *testing.T) {
	r := up(t, shell(stubborn))
	r.order("terminate")
	r.order("kill")
	r.gone(128+9, asked)
	r.nothingLeft()
}

// A stopped process acts on SIGTERM because SIGCONT goes with it.
func TestTerminateReachesStoppedProcesses(t *testing.T) {
	r := up(t, shell(polite))
	for _, p := range r.left() {
		if p.PPID == r.guard().PID {
			r.signal(p, syscall.SIGSTOP)
		}
	}
	r.order("terminate")
	r.gone(0, asked)
	r.untilFile("asked")
}

// Chains of processes, each of which lives only to start the next: a list of them is out of date when it is made.
func TestKillCatchesAMovingTarget(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"by gate and guard": func(r *rig) { r.order("kill"); r.next("gone") },
		"by the guard":      func(r *rig) { r.signalGate(syscall.SIGKILL); r.untilGone(300*time.Millisecond + slack) },
		"by the gate":       func(r *rig) { r.signal(r.guard(), syscall.SIGKILL); r.next("broken"); r.next("gone") },
	} {
		t.Run(name, func(t *testing.T) {
			s := shell(`"$0" "$0" & "$0" "$0" & "$0" "$0" & echo up >"$DIR/up"; while :; do sleep 0.05; done`)
			s.Args = append(s.Args, script(t, `trap '' TERM
			hop() {
				echo >>"$DIR/hops"
				n=$((n+1)); [ $n -lt 900 ] || exec "$1" "$1" # a shell recurses a thousand times at most
				hop "$1" & exit 0
			}
			hop "$1"`))
			r := up(t, s)
			must.Happen(t, "the chains are running", func() bool { return len(r.read("hops")) > 50 })
			end(r)
			hops := len(r.read("hops"))
			if left := r.left(); len(left) > 0 || len(r.read("hops")) != hops {
				t.Errorf("left after the evidence: %v", left)
			}
		})
	}
}

func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	must.Do(t, os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o755))
	return path
}

func TestFlockLivesAsLongAsTheTree(t *testing.T) {
	lock := script(t, "")
	s := shell(stubborn)
	s.Flock, s.Kill, s.KillAfter = lock, 4*time.Second, time.Second
	r := start(t, s)
	r.untilFile("up")
	r.signalGate(syscall.SIGKILL)
	fd := must.Get(unix.Open(lock, unix.O_RDONLY|unix.O_CLOEXEC, 0))(t)
	defer unix.Close(fd)
	var refused int
	must.Happen(t, "the lock is free", func() bool {
		alive := len(r.left()) > 0
		free := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil
		if !free {
			refused++
		}
		if free && alive && len(r.left()) > 1 {
			t.Fatal("the lock was free while the tree lived")
		}
		return free
	})
	if refused == 0 {
		t.Error("the lock was never held by the guard")
	}
	r.untilGone(slack)
}

// What kills one run has stopped before the next begins: a look for processes that was under way when the evidence
// came would find the next guard, and kill it.
func TestKillOfOneRunSparesTheNext(t *testing.T) {
	const runs = 150
	s := shell(`sleep 60 & sleep 60 & echo up >"$DIR/up"; wait`)
	s.Starts = runs
	r := start(t, s)
	for range runs {
		r.next("start")
		r.untilFile("up")
		must.Do(t, os.Remove(r.path("up")))
		r.order("kill")
		r.gone(128+9, asked)
	}
	r.next("closed")
}
