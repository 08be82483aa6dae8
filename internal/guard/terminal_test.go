//go:build linux

package guard_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// openTerminal gives both sides of a new pseudo-terminal.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	fd := must.Get(unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))(t)
	keyboard = os.NewFile(uintptr(fd), "keyboard")
	t.Cleanup(func() { keyboard.Close() })
	must.Do(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number := must.Get(unix.IoctlGetInt(fd, unix.TIOCGPTN))(t)
	terminal = must.Get(os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0))(t)
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

// atTerminal makes the gate the leader of the terminal's session, as a login or `docker run -t` does.
func atTerminal(terminal *os.File) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		c.Stdin = terminal
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	}
}

func atTerminalWithOutput(_, terminal *os.File) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		atTerminal(terminal)(c)
		c.Stdout, c.Stderr = terminal, terminal
	}
}

// Of proc_pid_stat(5): 5 is the process group, 8 the foreground group of the terminal.
const atKeyboard = `
trap 'echo int >>"$DIR/int"' INT
trap 'echo usr1 >"$DIR/usr1"' USR1
while read -r line; do echo "$line"; done </proc/$$/status >"$DIR/status" # not by a child: the shell blocks signals while it forks
set -- $(cat /proc/$$/stat)
echo $5 $8 >>"$DIR/groups"
echo $$ >"$DIR/up"
while [ ! -s "$DIR/int" ]; do sleep 0.02; done
exit 0`

func TestTerminal(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	s := shell(atKeyboard)
	s.Forward = true
	r := up(t, s, atTerminalWithOutput(nil, terminal))
	groups := strings.Fields(r.read("groups"))
	if len(groups) != 2 || groups[0] != groups[1] {
		t.Errorf("group of the command and of the terminal: %v, want the same", groups)
	}
	for _, set := range []string{"SigIgn", "SigBlk"} {
		if got := signalSet(t, r.read("status"), set); got != 0 {
			t.Errorf("%s of the command is %016x, want none", set, got)
		}
	}
	must.Get(keyboard.WriteString("\x03"))(t)
	r.untilFile("int")
	// No event of a signal comes before the end: ^C was the command's alone.
	if e := r.next("gone"); e.Code != 0 || !e.Foreground {
		t.Errorf("gone: %+v, want success, and the terminal with the gate again", e)
	}
	if got := strings.Count(r.read("int"), "int"); got != 1 {
		t.Errorf("the command got %d interrupts, want 1", got)
	}
}

// The terminal comes back from a guard that cannot give it back, too.
func TestTerminalComesBackAfterGuardKilled(t *testing.T) {
	r := up(t, shell(atKeyboard), atTerminalWithOutput(openTerminal(t)))
	r.order("forward " + itoa(int(unix.SIGUSR1)))
	r.untilFile("usr1") // so that the guard has told before that the command was started
	r.signal(r.guard(), syscall.SIGKILL)
	r.next("broken")
	if e := r.next("gone"); e.Code != 128+9 || !e.Foreground {
		t.Errorf("gone: %+v, want the terminal with the gate again", e)
	}
}

func TestTerminalIsLentAgain(t *testing.T) {
	_, terminal := openTerminal(t)
	s := shell(`set -- $(cat /proc/$$/stat); [ $5 = $8 ]`)
	s.Starts = 2
	r := start(t, s, atTerminalWithOutput(nil, terminal))
	for range s.Starts {
		r.next("start")
		if e := r.next("gone"); e.Code != 0 {
			t.Errorf("gone: %+v, want success: the command had the terminal", e)
		}
	}
}

func TestTerminalStaysWithAPipeline(t *testing.T) {
	_, terminal := openTerminal(t)
	in, out := pipe(t)
	defer in.Close()
	r := start(t, shell(`set -- $(cat /proc/$$/stat); [ $5 != $8 ]`), atTerminal(terminal), func(c *exec.Cmd) { c.Stdout = out })
	r.next("start")
	if e := r.next("gone"); e.Code != 0 || !e.Foreground {
		t.Errorf("gone: %+v, want success: the command did not get the terminal", e)
	}
}

func TestTerminalAndNoProgram(t *testing.T) {
	_, terminal := openTerminal(t)
	r := start(t, gateSpec{Path: badFormat(t)}, atTerminalWithOutput(nil, terminal))
	r.next("start")
	if e := r.next("gone"); e.Code != 126 || !strings.Contains(e.Err, "exec format error") || !e.Foreground {
		t.Errorf("gone: %+v, want 126 and the terminal with the gate again", e)
	}
}
