//go:build linux

package guard_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// attack is what a command does to its gate and its guard.
type attack struct {
	name string
	// script is what the attacker executes; $GATE and $GUARD are their process ids.
	script string
}

var (
	stopAll  = attack{"stop everybody", `kill -STOP -1`}
	killAll  = attack{"kill everybody", `kill -9 -1`}
	stopBoth = attack{"stop both", `kill -STOP $GATE $GUARD`}
	killBoth = attack{"kill both", `kill -9 $GATE $GUARD`}
	// The guard takes the command with it; what the command has started is the gate's to end.
	stopAndKill = attack{"stop the gate, kill the guard", `kill -STOP $GATE; kill -9 $GUARD`}
	killAndStop = attack{"kill the gate, stop the guard", `kill -STOP $GUARD; kill -9 $GATE`}
	// The one who stops is not stopped by that.
	stopOn = attack{"stop both again and again", `while :; do kill -STOP $GATE $GUARD; sleep 0.01; done`}
)

// Who attacks: the command itself, or a daemon that it has left behind, which has another session and another parent.
const (
	byCommand    = "command"
	byDescendant = "descendant"
)

// attacked is a command that attacks, and a daemon that works on beside it.
func attacked(a attack, who string) string {
	const works = `while :; do sleep 0.05; done`
	strike := `GUARD=$GUARD GATE=$GATE; ` + a.script + "; "
	command, daemon := "", ""
	if who == byCommand {
		command = strike
	} else {
		daemon = strike
	}
	script := `
trap '' TERM HUP INT
GUARD=$PPID
GATE=$(sed 's/.*) //' /proc/$GUARD/stat | cut -d' ' -f2)
export GATE GUARD
(setsid sh -c 'echo daemon >"$DIR/daemon"; until [ -s "$DIR/go" ]; do sleep 0.02; done; DAEMON' daemon &)
while [ ! -s "$DIR/daemon" ]; do sleep 0.01; done
echo up >"$DIR/up"
until [ -s "$DIR/go" ]; do sleep 0.02; done
COMMAND`
	return strings.NewReplacer("DAEMON", daemon+works, "COMMAND", command+works).Replace(script)
}

// ownUser is a user that nobody else is: kill -1 reaches whoever it is.
func ownUser() int { return 600_000_000 + rand.IntN(100_000_000) }

// outcome: how long after the deadline something of the tree still lived, as seen from outside.
func (r *rig) outlived(deadline, within time.Duration) (late time.Duration, gone bool) {
	r.t.Helper()
	var alive time.Duration
	for end := deadline + within; ; time.Sleep(10 * time.Millisecond) {
		at := now()
		if len(r.tree()) == 0 {
			return alive - deadline, true
		}
		if alive = at; at > end {
			return alive - deadline, false
		}
	}
}

// tree are the living processes of the command's tree: those with the mark but gate and guard.
func (r *rig) tree() []int {
	var pids []int
	for _, p := range r.left() {
		if p.PID != r.gate.Process.Pid && !isGuard(p) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// strike starts a command that attacks, and says how that went. The lease is not renewed.
func strike(t *testing.T, a attack, who string, tweak func(*gateSpec)) (r *rig, late time.Duration, gone bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become a user whose processes may all be stopped")
	}
	s := shell(attacked(a, who))
	s.UID, s.Lease, s.React = ownUser(), 3*time.Second, true
	if tweak != nil {
		tweak(&s)
	}
	r = up(t, s)
	deadline := r.begun.Until
	r.guard()
	must.Do(t, os.WriteFile(r.path("go"), []byte("go\n"), 0o644))
	late, gone = r.outlived(deadline, s.Kill+slack)
	return r, late, gone
}

// attacks are what is tried under each layer. open: what kernel timers alone leave
// open, and docs/use/safety.md names.
var attacks = []struct {
	attack
	who  string
	open string
}{
	{stopAll, byCommand, ""},
	{stopAll, byDescendant, ""},
	{killAll, byCommand, ""},
	{killAll, byDescendant, "the one who kills lives on"},
	{stopBoth, byCommand, ""},
	{stopBoth, byDescendant, ""},
	{killBoth, byCommand, "what the command has started lives on"},
	{killBoth, byDescendant, "what the command has started lives on"},
	{stopAndKill, byCommand, ""},
	{stopAndKill, byDescendant, ""},
	{killAndStop, byCommand, ""},
	{killAndStop, byDescendant, ""},
	{stopOn, byCommand, ""},
	{stopOn, byDescendant, "what the command has started may live on"},
}

// Without any help but the kernel's timers: what can be said of a command that freezes or kills those who watch it.
func TestTimersAlone(t *testing.T) {
	for _, c := range attacks {
		if c.open == "" {
			t.Run(fmt.Sprint(c.name, " by the ", c.who), func(t *testing.T) {
				t.Parallel()
				withstands(t, c.attack, c.who, guard.IsolateNothing)
			})
		}
	}
}

// What docs/use/safety.md says that the timers alone do not cover is so; else the document is to be mended.
func TestTimersAloneLeaveOpen(t *testing.T) {
	t.Parallel()
	if _, _, gone := strike(t, killBoth, byDescendant, nil); gone {
		t.Error("nothing was left, though gate and guard were killed at once: docs/use/safety.md says otherwise")
	}
}

// A guard whose gate has died is the last one: its own timer wakes it and does
// not kill it, however late it is, for nobody would end what the command has started.
func TestLoneGuardIsNotKilled(t *testing.T) {
	t.Parallel()
	s := shell(stubborn)
	s.Lease = 2 * time.Second
	r := up(t, s)
	deadline := r.begun.Until
	g := r.guard()
	r.signalGate(syscall.SIGKILL)
	must.Happen(t, "the guard knows", func() bool { return strings.Contains(r.read("stdout"), "the gate has died") })
	// As fast as can be: between two stops it must not get to its work.
	stopper := exec.Command("/bin/sh", "-c", "while kill -STOP $0; do :; done", itoa(g.PID))
	must.Do(t, stopper.Start())
	must.Happen(t, "its timer would have killed it", func() bool { return now() > deadline+6*time.Second })
	if err := stopper.Process.Kill(); err != nil {
		t.Errorf("it was killed, and %d processes of the tree live: %v", len(r.tree()), err)
	}
	_ = stopper.Wait()
	if err := g.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, proctree.ErrGone) {
		t.Fatal(err)
	}
	r.untilGone(slack)
}

func TestSignalScope(t *testing.T) {
	if err := guard.IsolateSignals.Check(); err != nil {
		t.Skip(err)
	}
	everyAttack(t, guard.IsolateSignals)
}

func TestProcessNamespace(t *testing.T) {
	if err := guard.IsolatePIDs.Check(); err != nil {
		t.Skip(err)
	}
	everyAttack(t, guard.IsolatePIDs)
}

func everyAttack(t *testing.T, i guard.Isolation) {
	for _, c := range attacks {
		t.Run(fmt.Sprint(c.name, " by the ", c.who), func(t *testing.T) {
			t.Parallel()
			withstands(t, c.attack, c.who, i)
		})
	}
}

func withstands(t *testing.T, a attack, who string, i guard.Isolation) {
	t.Helper()
	r, late, gone := strike(t, a, who, func(s *gateSpec) { s.Isolation = i })
	if !gone {
		t.Errorf("%d processes of the tree live %v after the deadline: %v", len(r.tree()), late, r.tree())
	}
	t.Logf("gone %v after the deadline", late.Round(10*time.Millisecond))
}
