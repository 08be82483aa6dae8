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
	"github.com/mongogate/mongogate/test/must"
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
	must.Do(t, os.WriteFile(path, []byte("\x7fELF and no more"), 0o755))
	return path
}

func TestStartsAgainAfterGone(t *testing.T) {
	s := shell(`echo run >>"$DIR/runs"`)
	s.Starts = 3
	r := start(t, s)
	for range s.Starts {
		r.next("start")
		r.gone(0, unasked)
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
	r := up(t, s)
	deadline := r.begun.Until
	seen, g := 0, r.guard()
	for _, p := range append(r.left(), g) {
		if p.PPID != g.PID && (p.PID != g.PID || os.Geteuid() != 0) {
			continue // it comes and goes; or nobody but root may look
		}
		seen++
		b := must.Get(os.ReadFile("/proc/" + itoa(p.PID) + "/environ"))(t)
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
	must.HappenWithin(t, slack, "the command has three descriptors and no more", func() bool { // the loader opens others for a moment
		entries := must.Get(os.ReadDir("/proc/" + pid + "/fd"))(t)
		open = nil
		for _, entry := range entries {
			open = append(open, entry.Name())
		}
		return slices.Equal(open, want)
	})
}

// Without root no program of the tree may become a user whom we cannot signal.
func TestOrdinaryUser(t *testing.T) {
	s := shell(stubborn + "\n")
	if os.Geteuid() == 0 {
		s.UID = 65534
	}
	r := start(t, s)
	pid := r.pid("up")
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

const leavesDaemon = `
setsid sh -c 'trap "" TERM; echo up >"$DIR/up"; while [ ! -e "$DIR/enough" ]; do sleep 0.02; done; echo done >"$DIR/done"' &
while [ ! -s "$DIR/up" ]; do sleep 0.01; done
echo $$ >"$DIR/main"
exit 5`

// untilMainEnded waits until the guard has taken note of the end of the command itself.
func (r *rig) untilMainEnded() {
	r.t.Helper()
	pid := r.pid("main")
	must.Happen(r.t, "the command itself has been reaped", func() bool {
		_, err := proctree.Look(pid)
		return err != nil
	})
}

func TestWhatIsLeftIsStopped(t *testing.T) {
	r := start(t, shell(leavesDaemon))
	r.next("start")
	r.gone(5, unasked)
	r.nothingLeft()
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
	must.Do(t, os.WriteFile(r.path("enough"), []byte("now\n"), 0o600))
	r.gone(5, unasked)
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
	r.gone(5, asked)
}
