//go:build linux

package proctree

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

func TestParseStat(t *testing.T) {
	const rest = " 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 123456789012 99 1"
	for name, test := range map[string]struct {
		stat string
		comm string
	}{
		"plain":       {"42 (sleep) S" + rest, "sleep"},
		"parentheses": {"42 (a) R 1 (b) S" + rest, "a) R 1 (b"},
		"newline":     {"42 (a\n) S" + rest, "a\n"},
		"empty":       {"42 () S" + rest, ""},
	} {
		p, err := parseStat(42, []byte(test.stat))
		want := Process{PID: 42, PPID: 7, Group: 8, Session: 9, Start: 123456789012, Comm: test.comm, State: 'S', threads: 3}
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v, want %+v", name, p, err, want)
		}
	}
	for _, bad := range []string{"", "42 sleep S", "42 (sleep) S 1 2", ")(", "42 (sleep) S x" + rest} {
		if p, err := parseStat(42, []byte(bad)); err == nil {
			t.Errorf("%q: %+v, want an error", bad, p)
		}
	}
}

// child starts a program that a test has to get rid of only if it fails.
func child(t *testing.T, env []string, args ...string) (*exec.Cmd, Process) {
	t.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), env...)
	must.Do(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	p := must.Get(Look(c.Process.Pid))(t)
	return c, p
}

func TestLook(t *testing.T) {
	_, p := child(t, nil, "sleep", "1000")
	if p.PPID != os.Getpid() || !p.Alive() || p.Start == 0 {
		t.Errorf("%+v", p)
	}
	must.Do(t, p.Signal(syscall.SIGSTOP))
	must.Happen(t, "stopped", func() bool { now, err := Look(p.PID); return err == nil && now.State == 'T' })
	if _, err := Look(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("look at nobody: %v", err)
	}
}

// The id is right, but it is another's by now: no signal, by either way.
func TestSignalSparesWhoeverGotTheIDNext(t *testing.T) {
	c, p := child(t, nil, "sleep", "1000")
	other := p
	other.Start--
	for name, send := range map[string]func(syscall.Signal) error{
		"either": other.Signal, "pidfd": other.signalPidfd, "pid": other.signalPID,
	} {
		if err := send(syscall.SIGKILL); !errors.Is(err, ErrGone) {
			t.Errorf("%s: %v, want %v", name, err, ErrGone)
		}
	}
	if err := p.signalPID(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
		t.Errorf("ended by %v, want by the signal that was its own", status)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("signal to a reaped process: %v, want %v", err, ErrGone)
	}
}

func TestZombieIsGone(t *testing.T) {
	_, p := child(t, nil, "true")
	must.Happen(t, "a zombie", func() bool { now, err := Look(p.PID); return err == nil && now.State == 'Z' })
	now, _ := Look(p.PID)
	if now.Alive() {
		t.Error("a zombie is alive")
	}
	found := must.Get(Descendants(os.Getpid()))(t)
	for _, f := range found {
		if f.PID == p.PID {
			t.Error("a zombie is listed")
		}
	}
}

// It is shown as a zombie, but it runs.
func TestHeadlessProcessIsAlive(t *testing.T) {
	c, p := child(t, nil, os.Args[0], "__headless")
	must.Happen(t, "the leader's end", func() bool { now, err := Look(p.PID); return err == nil && now.State == 'Z' })
	now, _ := Look(p.PID)
	if !now.Alive() {
		t.Fatal("a process with living threads counts as gone")
	}
	if alive, err := KillPass(os.Getpid()); alive != 1 || err != nil {
		t.Errorf("%d alive, %v, want the one", alive, err)
	}
	_ = c.Wait() // and not forever
}

func TestSpareLeavesOneAlone(t *testing.T) {
	_, spared := child(t, nil, "sh", "-c", "sleep 1000 & wait")
	var below []Process
	must.Happen(t, "a grandchild", func() bool {
		below = must.Get(Descendants(os.Getpid(), spared.PID))(t)
		return len(below) == 1
	})
	if below[0].PPID != spared.PID {
		t.Errorf("%+v, want the child of the spared one", below[0])
	}
	must.Do(t, Terminate(spared.PID))
	must.Happen(t, "the end of what is below", func() bool {
		below, err := Descendants(spared.PID)
		return err == nil && len(below) == 0
	})
}

// Orphans that made sessions of their own are found, killed and reaped; ECHILD is the end.
func TestSubreaperEmptiesTheTree(t *testing.T) {
	mark := rand.Text()
	c := exec.Command(os.Args[0], "__subreaper", "/bin/sh", "-c",
		`trap '' TERM; (setsid sh -c 'sleep 1000 & sleep 1000 & exit 0' &); (setsid sleep 1000 &)
		while [ "$(cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -c "^TREE_MARK=`+mark+`")" -lt 5 ]; do :; done; echo up; sleep 1000`)
	c.Env = append(os.Environ(), "TREE_MARK="+mark)
	c.WaitDelay = time.Second // what escapes would hold the pipe
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "empty true") {
		t.Errorf("%v: %s", err, out)
	}
	left, err := Marked("TREE_MARK", mark)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, p := range left {
		_ = p.Signal(syscall.SIGKILL)
	}
}

// No list of all processes: each link is killed when it has become ours.
func TestChaseFollowsAChain(t *testing.T) {
	out, err := exec.Command(os.Args[0], "__chase", "/bin/sh", "-c", `sh -c 'sh -c "sleep 1000 & echo up; wait" & wait' & wait`).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "seen 4 ") || !strings.Contains(string(out), "empty true") {
		t.Errorf("%v: %s, want four processes seen and none left", err, out)
	}
}

func TestDetails(t *testing.T) {
	mark := rand.Text()
	_, p := child(t, []string{"TREE_MARK=" + mark, "TREE_MARKER=no", "EMPTY="}, "sleep", "1000")
	if uid, err := p.UID(); err != nil || uid != os.Getuid() {
		t.Errorf("uid %d, %v", uid, err)
	}
	own := must.Get(os.ReadFile("/proc/self/cgroup"))(t)
	if cgroup, err := p.Cgroup(); err != nil || !strings.HasSuffix(string(own), cgroup+"\n") {
		t.Errorf("cgroup %q, %v, want that of its parent, %q", cgroup, err, own)
	}
	must.Happen(t, "an environment: execve shows none for a moment", func() bool {
		_, _, err := p.Getenv("PATH")
		return !errors.Is(err, ErrNoEnviron)
	})
	for name, want := range map[string]string{"TREE_MARK": mark, "EMPTY": ""} {
		if value, found, err := p.Getenv(name); err != nil || !found || value != want {
			t.Errorf("%s: %q, %v, %v, want %q", name, value, found, err, want)
		}
	}
	if _, found, err := p.Getenv("TREE"); err != nil || found {
		t.Errorf("a variable that is not there: %v, %v", found, err)
	}
	marked, err := Marked("TREE_MARK", mark)
	if err != nil || len(marked) != 1 || marked[0].PID != p.PID {
		t.Errorf("marked: %v, %v, want one", marked, err)
	}
	_, bare := child(t, nil, "env", "-i", "sleep", "1000")
	must.Happen(t, "a process without an environment", func() bool {
		_, found, err := bare.Getenv("TREE_MARK")
		return !found && errors.Is(err, ErrNoEnviron)
	})
	p.Start++
	if _, _, err := p.Getenv("TREE_MARK"); !errors.Is(err, ErrGone) {
		t.Errorf("the environment of another process: %v", err)
	}
}

func TestIgnored(t *testing.T) {
	ignored := must.Get(Ignored())(t)
	if ignored.Has(unix.SIGTERM) {
		t.Error("SIGTERM is ignored")
	}
	set := SignalSet(1<<(unix.SIGHUP-1) | 1<<63)
	for sig, want := range map[syscall.Signal]bool{unix.SIGHUP: true, 64: true, unix.SIGINT: false, 0: false, 65: false} {
		if set.Has(sig) != want {
			t.Errorf("signal %d: %v", int(sig), !want)
		}
	}
}

func TestBackoff(t *testing.T) {
	var b Backoff
	for i := range short {
		if got := b.Next(); got != time.Millisecond {
			t.Fatalf("pause %d is %v", i, got)
		}
	}
	if got := b.Next(); got != 16*time.Millisecond {
		t.Errorf("then %v: a process that the kernel cannot end costs a core", got)
	}
}

func TestDescribe(t *testing.T) {
	all := []Process{{PID: 7, Comm: "cat", State: 'D'}, {PID: 8, Comm: "a\nb", State: 'T'}, {PID: 9, Comm: "x", State: 'q'}}
	const want = `7 ("cat", in uninterruptible sleep), 8 ("a\nb", stopped), 9 ("x", state q)`
	if got := Describe(all); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	many := make([]Process, 20)
	if got, want := Describe(many), ", and 12 more"; len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("%s, want %s at its end", got, want)
	}
}

func BenchmarkDescendants(b *testing.B) {
	for b.Loop() {
		must.Get(Descendants(os.Getpid()))(b)
	}
}
