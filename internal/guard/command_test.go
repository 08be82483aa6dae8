//go:build linux

package guard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
)

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		name string
		spec gateSpec
		want event
	}{
		{"success", shell("exit 0"), event{Code: 0, Unasked: true}},
		{"failure", shell("exit 3"), event{Code: 3, Unasked: true}},
		{"signal", shell("kill -TERM $$"), event{Code: 143, Unasked: true}},
		{"not found in PATH", gateSpec{Path: "no-such-program-anywhere"}, event{Code: 127, Err: "no such file or directory"}},
		{"not found", gateSpec{Path: "/no/such/program"}, event{Code: 127, Err: "no such file or directory"}},
		{"not executable", gateSpec{Path: "/etc/passwd"}, event{Code: 126, Err: "permission denied"}},
		{"no program", gateSpec{Path: badFormat(t)}, event{Code: 126, Err: "exec format error"}},
		{"no directory", gateSpec{Path: "/bin/true", Dir: "/no/such/directory"}, event{Code: 126, Err: `"/no/such/directory": no such file`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.spec)
			r.next("start")
			got := r.next("gone")
			if got.Code != test.want.Code || got.Unasked != test.want.Unasked ||
				!strings.Contains(got.Err, test.want.Err) || (got.Err == "") != (test.want.Err == "") {
				t.Errorf("gone: %+v, want %+v", got, test.want)
			}
			r.next("closed")
		})
	}
}

func badFormat(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("\x7fELF and no more"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartsAgainAfterGone(t *testing.T) {
	s := shell(`echo run >>"$DIR/runs"`)
	s.Starts = 3
	r := start(t, s)
	for range s.Starts {
		r.next("start")
		if e := r.next("gone"); e.Code != 0 || !e.Unasked {
			t.Errorf("gone: %+v", e)
		}
	}
	r.next("closed")
	if got := strings.Count(r.read("runs"), "run"); got != s.Starts {
		t.Errorf("%d runs, want %d", got, s.Starts)
	}
}

func TestLeasePassedBeforeStart(t *testing.T) {
	for name, s := range map[string]gateSpec{
		"the gate sees it":  {Lease: -time.Second},
		"the guard sees it": {Lease: 3 * time.Second, Skew: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s.Path, s.Args = "/bin/sh", []string{"-c", `echo run >"$DIR/ran"`}
			r := start(t, s)
			r.next("start")
			if e := r.next("gone"); !strings.Contains(e.Err, "deadline had passed") {
				t.Errorf("gone: %+v, want an error about the deadline", e)
			}
			if r.read("ran") != "" {
				t.Error("the command ran")
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	s := shell(`echo up >"$DIR/up"; while :; do sleep 0.05; done`)
	s.Env = []string{
		"MONGOGATE_URI=mongodb://u:canary-a@h/", "MONGOGATE_URI_FILE=/canary-b", "PASS=canary-c",
		"MONGOGATE_TOKEN=1", "MONGOGATE_HOLDER=pod-1", "KEEP=me",
	}
	s.Strip = []string{"PASS"}
	r := start(t, s)
	deadline := r.next("start").Until
	r.untilFile("up")
	seen, g := 0, r.guard()
	for _, p := range append(r.left(), g) {
		if p.PPID != g.PID && (p.PID != g.PID || os.Geteuid() != 0) {
			continue // it comes and goes; or nobody but root may look
		}
		seen++
		b, err := os.ReadFile("/proc/" + itoa(p.PID) + "/environ")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "canary") {
			t.Errorf("process %d (%s) has a secret in its environment", p.PID, p.Comm)
		}
		env := strings.Split(string(b), "\x00")
		for _, want := range []string{
			"MONGOGATE_KEY=the/key", "MONGOGATE_TOKEN=42", "MONGOGATE_HOLDER=pod-1", "KEEP=me",
			"MONGOGATE_DEADLINE=" + strconv.FormatFloat(deadline.Seconds(), 'f', 3, 64),
		} {
			if !slices.Contains(env, want) {
				t.Errorf("process %d (%s) has no %s", p.PID, p.Comm, want)
			}
		}
		if slices.Contains(env, "MONGOGATE_TOKEN=1") {
			t.Errorf("process %d has the token of somebody else too", p.PID)
		}
	}
	if seen == 0 {
		t.Error("nothing looked at")
	}
}

// status is a line of /proc/PID/status.
func status(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	return field(t, string(b), name)
}

func field(t *testing.T, status, name string) string {
	t.Helper()
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in\n%s", name, status)
	return ""
}

func TestCommandHasDefaultSignals(t *testing.T) {
	s := gateSpec{Path: "cat", Args: []string{"/proc/self/status"}, Forward: true}
	r := start(t, s)
	r.next("start")
	r.next("gone")
	for _, set := range []string{"SigIgn", "SigCgt", "SigBlk"} {
		if got := field(t, r.read("stdout"), set); strings.Trim(got, "0") != "" {
			t.Errorf("%s of the command is %s, want none", set, got)
		}
	}
}

func TestIgnoredAtStartStaysIgnored(t *testing.T) {
	s := gateSpec{Path: "cat", Args: []string{"/proc/self/status"}, Forward: true}
	r := start(t, s, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `trap '' HUP TSTP; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	})
	r.next("start")
	r.next("gone")
	want := "0000000000080001" // SIGTSTP is 20, SIGHUP 1
	if got := field(t, r.read("stdout"), "SigIgn"); got != want {
		t.Errorf("SigIgn of the command is %s, want %s", got, want)
	}
}

func TestGuardDropsSignals(t *testing.T) {
	r := start(t, shell(polite))
	r.next("start")
	r.untilFile("up")
	g := r.guard()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if sig != unix.SIGKILL && sig != unix.SIGSTOP && (sig < 32 || sig > 34) {
			r.signal(g, sig)
		}
	}
	r.order("forward " + itoa(int(unix.SIGWINCH))) // is confirmed by a guard that lives
	r.order("forward " + itoa(int(unix.SIGTERM)))
	if e := r.next("gone"); e.Code != 0 || e.Unasked {
		t.Errorf("gone: %+v, want the end that was asked for", e)
	}
}

func TestGuardHasASessionOfItsOwn(t *testing.T) {
	r := start(t, shell(`echo $$ >"$DIR/pid"; while :; do sleep 0.05; done`))
	r.next("start")
	main, err := strconv.Atoi(r.untilFile("pid"))
	if err != nil {
		t.Fatal(err)
	}
	until(t, patience, "a session of the guard", func() bool { g := r.guard(); return g.Session == g.PID })
	command, err := proctree.Look(main)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := proctree.Look(r.gate.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if command.Group != main || command.Session != gate.Session {
		t.Errorf("command %+v: want a group of its own in the gate's session %d", command, gate.Session)
	}
}

// What the gate was started with is not the command's, nor are pipes and flock.
func TestCommandHasThreeDescriptors(t *testing.T) {
	s := shell(`echo $$ >"$DIR/pid"; exec sleep 1000`)
	s.Flock = script(t, "")
	in, out := pipe(t)
	r := start(t, s, func(c *exec.Cmd) { c.ExtraFiles = append(c.ExtraFiles, in, out) })
	r.next("start")
	pid := r.untilFile("pid")
	var open []string
	want := []string{"0", "1", "2"}
	defer func() {
		if t.Failed() {
			t.Logf("descriptors of the command: %v", open)
		}
	}()
	until(t, slack, "the command has three descriptors and no more", func() bool { // the loader opens others for a moment
		entries, err := os.ReadDir("/proc/" + pid + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		open = nil
		for _, entry := range entries {
			open = append(open, entry.Name())
		}
		return slices.Equal(open, want)
	})
}

func TestForward(t *testing.T) {
	s := shell(`
trap 'echo usr1 >>"$DIR/got"' USR1
trap 'echo rt >>"$DIR/got"' 40
trap 'echo term >>"$DIR/got"; exit 7' TERM
echo up >"$DIR/up"
while :; do sleep 0.02; done`)
	s.Forward = true
	r := start(t, s)
	r.next("start")
	r.untilFile("up")
	for _, step := range []struct {
		sig  syscall.Signal
		want string
	}{{unix.SIGUSR1, "usr1\n"}, {40, "usr1\nrt\n"}, {unix.SIGTERM, "usr1\nrt\nterm\n"}} {
		r.signalGate(step.sig)
		if e := r.next("signal"); e.Code != int(step.sig) {
			t.Fatalf("the gate got %d, want %d", e.Code, step.sig)
		}
		until(t, patience, "the command gets "+step.sig.String(), func() bool { return r.read("got") == step.want })
	}
	if e := r.next("gone"); e.Code != 7 || e.Unasked {
		t.Errorf("gone: %+v, want code 7, asked for", e)
	}
}

func TestForwardOfOtherSignalsLeavesTheEndUnasked(t *testing.T) {
	r := start(t, shell(`trap 'exit 0' USR1; echo up >"$DIR/up"; while :; do sleep 0.02; done`))
	r.next("start")
	r.untilFile("up")
	r.order("forward " + itoa(int(unix.SIGUSR1)))
	if e := r.next("gone"); e.Code != 0 || !e.Unasked {
		t.Errorf("gone: %+v, want success, unasked", e)
	}
}

func TestSignals(t *testing.T) {
	all, err := guard.Signals()
	if err != nil {
		t.Fatal(err)
	}
	for sig, want := range map[syscall.Signal]bool{
		unix.SIGTERM: true, unix.SIGHUP: true, unix.SIGQUIT: true, unix.SIGWINCH: true, unix.SIGCONT: true, unix.SIGTSTP: true, 35: true, 64: true,
		unix.SIGURG: false, unix.SIGCHLD: false, unix.SIGPIPE: false, unix.SIGKILL: false, unix.SIGSTOP: false, unix.SIGTTOU: false, 33: false,
	} {
		if got := slices.Contains(all, os.Signal(sig)); got != want {
			t.Errorf("signal %d forwarded: %v, want %v", int(sig), got, want)
		}
	}
}

const leavesDaemon = `
setsid sh -c 'trap "" TERM; echo up >"$DIR/up"; while [ ! -e "$DIR/enough" ]; do sleep 0.02; done; echo done >"$DIR/done"' &
while [ ! -s "$DIR/up" ]; do sleep 0.01; done
echo $$ >"$DIR/main"
exit 5`

// untilMainEnded waits until the guard has taken note of the end of the command itself.
func (r *rig) untilMainEnded() {
	r.t.Helper()
	pid, err := strconv.Atoi(r.untilFile("main"))
	if err != nil {
		r.t.Fatal(err)
	}
	until(r.t, patience, "the command itself has been reaped", func() bool {
		_, err := proctree.Look(pid)
		return err != nil
	})
}

func TestWhatIsLeftIsStopped(t *testing.T) {
	r := start(t, shell(leavesDaemon))
	r.next("start")
	e := r.next("gone")
	if e.Code != 5 || !e.Unasked {
		t.Errorf("gone: %+v, want code 5, unasked", e)
	}
	if left := r.left(); len(left) > 0 {
		t.Errorf("left after the evidence: %v", left)
	}
}

func TestWaitTree(t *testing.T) {
	s := shell(leavesDaemon)
	s.WaitTree, s.KillAfter, s.Kill = true, time.Millisecond, 10*time.Millisecond
	r := start(t, s)
	r.next("start")
	r.untilMainEnded()
	for end := now() + 200*time.Millisecond; now() < end; time.Sleep(10 * time.Millisecond) {
		if len(r.left()) == 0 {
			t.Fatal("the tree was not waited for")
		}
	}
	if err := os.WriteFile(r.path("enough"), []byte("now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := r.next("gone"); e.Code != 5 || !e.Unasked {
		t.Errorf("gone: %+v, want code 5, unasked", e)
	}
	if r.read("done") == "" {
		t.Error("the daemon did not end by itself")
	}
}

func TestWaitTreeEndsAtTheDeadline(t *testing.T) {
	s := shell(leavesDaemon)
	s.WaitTree, s.Lease = true, time.Second
	r := start(t, s)
	begun := r.next("start")
	e := r.next("gone")
	if e.At < begun.Until || e.At > begun.Until+300*time.Millisecond+slack {
		t.Errorf("gone %v after the deadline", e.At-begun.Until)
	}
	if e.Unasked {
		t.Errorf("gone: %+v, want asked for", e)
	}
}

func TestWaitTreeStopsWhenAsked(t *testing.T) {
	s := shell(strings.Replace(leavesDaemon, `trap "" TERM; `, "", 1))
	s.WaitTree = true
	r := start(t, s)
	r.next("start")
	r.untilMainEnded()
	r.order("forward " + itoa(int(unix.SIGTERM)))
	if e := r.next("gone"); e.Code != 5 || e.Unasked {
		t.Errorf("gone: %+v, want code 5, asked for", e)
	}
}

// Without root no program of the tree may become a user whom we cannot signal.
func TestOrdinaryUser(t *testing.T) {
	s := shell(stubborn + "\n")
	if os.Geteuid() == 0 {
		s.UID = 65534
	}
	r := start(t, s)
	pid, err := strconv.Atoi(r.untilFile("up"))
	if err != nil {
		t.Fatal(err)
	}
	r.next("start")
	g := r.guard()
	if got := status(t, pid, "NoNewPrivs"); got != "1" {
		t.Errorf("NoNewPrivs of the command is %s: it can become another user", got)
	}
	var secret unix.Stat_t // of a process that is dumpable it would be its user's
	if err := unix.Stat("/proc/"+itoa(g.PID)+"/environ", &secret); err != nil || secret.Uid != 0 {
		t.Errorf("the guard's environment belongs to user %d, %v, want root", secret.Uid, err)
	}
	r.signal(g, syscall.SIGKILL)
	r.untilGone(slack)
	r.next("broken")
	r.next("gone")
}

func TestNewRefusesEverythingAtOnce(t *testing.T) {
	_, err := guard.New(guard.Command{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"kill budget", "no command", "confirm", "no clock"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestMainRefusesStrangers(t *testing.T) {
	for _, args := range [][]string{{}, {"{}"}, {"no json", "true"}, {"{}", "true"}} {
		cmd := exec.Command(os.Args[0], append([]string{guard.Name}, args...)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 64 || len(out) == 0 {
			t.Errorf("%q: exit %d, %q", args, cmd.ProcessState.ExitCode(), out)
		}
	}
}
