//go:build linux

package podworkload

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

func config(t *testing.T) Config {
	t.Helper()
	return Config{
		Sentinel: filepath.Join(t.TempDir(), "lost"), Scan: 5 * time.Millisecond, Clock: gate.BootClock(), Log: testr.New(t),
		Leave: func() { t.Error("the gate leaves") },
	}
}

func start(t *testing.T, cfg Config, before *statedir.Lease) *Workload {
	t.Helper()
	w := must.Get(New(cfg, before))(t)
	t.Cleanup(w.Close)
	return w
}

func alive(pid int) bool {
	p, err := proctree.Look(pid)
	return err == nil && p.Alive()
}

// pids waits for the process ids that a container wrote.
func pids(t *testing.T, path string, n int) []int {
	t.Helper()
	var list []int
	must.Happen(t, fmt.Sprint(n, " processes in ", path), func() bool {
		b, _ := os.ReadFile(path)
		list = numbers(b)
		return len(list) == n
	})
	return list
}

func numbers(b []byte) (list []int) {
	for f := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// dies waits for the end of what a container began with.
func dies(t *testing.T, c *exec.Cmd, what string) {
	t.Helper()
	must.Happen(t, what, func() bool { return !alive(c.Process.Pid) })
}

func noneOf(list []int) bool {
	for _, pid := range list {
		if alive(pid) {
			return false
		}
	}
	return true
}

func goneIs(t *testing.T, w *Workload, want bool) {
	t.Helper()
	if want {
		must.Come(t, w.Gone(), "evidence")
		return
	}
	select {
	case <-w.Gone():
		t.Error("evidence, but the workload lives")
	case <-time.After(100 * time.Millisecond): // 20 scans
	}
}

func is(path string) bool { _, err := os.Stat(path); return err == nil }

// The order of a loss, over a workload that ignores SIGTERM, forks, has left
// its session and stopped itself.
func TestKillFence(t *testing.T) { killFence(t, pod{}) }

// The same where nodes have version 2 of cgroups.
func TestKillFenceOnCgroup2(t *testing.T) { killFence(t, pod{unified: true}) }

func killFence(t *testing.T, p pod) {
	if !inside(t, p) {
		return
	}
	if p.unified {
		onCgroup2(t)
	}
	cfg := config(t)
	cfg.Kill = true
	w := start(t, cfg, nil)
	must.Happen(t, "the sentinel of a gate that has just begun", func() bool { return is(cfg.Sentinel) })
	w.Start(gate.Grant{Token: 1})
	if is(cfg.Sentinel) {
		t.Error("open, and the sentinel is there")
	}
	dir := t.TempDir()
	list, heard := filepath.Join(dir, "pids"), filepath.Join(dir, "heard")
	container(t, "work", fmt.Sprintf(`trap 'echo heard >>%s' TERM; echo $$ >>%s
		setsid sh -c 'trap "" TERM; echo $$ >>%s; while :; do sleep 0.01; done' &
		sh -c 'echo $$ >>%s; kill -STOP $$; sleep 1000' &
		while :; do sleep 0.01; done`, heard, list, list, list))
	work := pids(t, list, 3)
	ours := container(t, "gate", "exec sleep 1000")
	w.poke()
	goneIs(t, w, false)
	if is(heard) {
		t.Error("signalled while the gate is open")
	}

	written := w.Warn("a reason")
	<-written
	if b, err := os.ReadFile(cfg.Sentinel); err != nil || string(b) != "a reason\n" {
		t.Errorf("sentinel: %q, %v", b, err)
	}
	if is(heard) {
		t.Error("signalled before the sentinel was written")
	}
	w.Terminate()
	must.Happen(t, "SIGTERM is heard", func() bool { return is(heard) })
	must.Happen(t, "what was stopped hears SIGTERM", func() bool { return !alive(work[1]) || !alive(work[2]) })
	goneIs(t, w, false)
	w.Kill()
	goneIs(t, w, true)
	if !noneOf(work) {
		t.Error("evidence, but a process lives")
	}
	if !alive(ours.Process.Pid) {
		t.Error("a process of our own container was killed")
	}
	if !is(cfg.Sentinel) {
		t.Error("the sentinel is gone before the gate opens")
	}

	// Again at each scan while the gate is shut.
	for range 3 {
		c := container(t, "work", "exec sleep 1000")
		dies(t, c, "killed again")
	}
	goneIs(t, w, false) // it has been told
	w.Start(gate.Grant{Token: 2})
	c := container(t, "work", "exec sleep 1000")
	time.Sleep(20 * cfg.Scan)
	if !alive(c.Process.Pid) {
		t.Error("killed while the gate is open")
	}
}

// The marked container is the workload, all of it; the one beside it is spared.
func TestMarker(t *testing.T) { marker(t, pod{}) }

func TestMarkerOnCgroup2(t *testing.T) { marker(t, pod{unified: true}) }

// onCgroup2 wants the gate to see what it sees in a container of a node with version 2: itself at the root,
// and nothing but the unified hierarchy telling others apart.
func onCgroup2(t *testing.T) {
	t.Helper()
	c := container(t, "work", "exec sleep 1000")
	own, other := cgroupOf(t, os.Getpid()), cgroupOf(t, c.Process.Pid)
	lines, others := strings.Split(own, "\n"), strings.Split(other, "\n")
	last := len(lines) - 1
	if strings.TrimPrefix(lines[last], "0::") != "/" || strings.TrimPrefix(others[last], "0::") != "/../work" || !slices.Equal(lines[:last], others[:last]) {
		t.Errorf("own %q, other %q", own, other)
	}
	_ = c.Process.Kill()
	dies(t, c, "ended")
}

func marker(t *testing.T, p pod) {
	if !inside(t, p) {
		return
	}
	w := held(t)
	list := filepath.Join(t.TempDir(), "pids")
	container(t, "work", fmt.Sprintf(`echo $$ >%s; env -u %s sh -c 'echo $$ >>%s; while :; do sleep 0.1; done' & while :; do sleep 0.1; done`, list, Marker, list), Marker+"=1")
	work := pids(t, list, 2)
	other := container(t, "other", "exec sleep 1000", Spared+"=true")
	w.Stop()
	goneIs(t, w, false)
	lose(w)
	goneIs(t, w, true)
	if !noneOf(work) || !alive(other.Process.Pid) {
		t.Errorf("workload ended: %v, the other lives: %v", noneOf(work), alive(other.Process.Pid))
	}
}

// Asked to end, the gate waits for evidence and signals nobody.
func TestStopWaitsForEvidence(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	w := held(t)
	c := container(t, "work", "exec sleep 1000")
	w.Stop()
	goneIs(t, w, false)
	if !alive(c.Process.Pid) {
		t.Fatal("killed while the lease is held")
	}
	_ = c.Process.Kill()
	goneIs(t, w, true)
}

// A gate that is not root: another user's process is no target, and keeps the evidence back.
func TestAnotherUsersProcess(t *testing.T) {
	if !inside(t, pod{uid: "12345", prelude: `sh -c 'echo $$ >"$` + envWork + `/other/cgroup.procs"; exec sleep 1000' >/dev/null 2>&1 & echo $! >"$DIR/theirs"; sleep 0.2`}) {
		return
	}
	theirs := pids(t, filepath.Join(os.Getenv("DIR"), "theirs"), 1)
	w := held(t, func(cfg *Config) { cfg.Log = logr.Discard() })
	c := container(t, "work", "exec sleep 1000", Marker+"=1")
	lose(w)
	dies(t, c, "our user's process is killed")
	goneIs(t, w, false)
	if !alive(theirs[0]) {
		t.Error("their process has ended: nothing was shown")
	}
}

// Kill together with restart: the workload has been killed when the gate leaves.
func TestKillThenLeave(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	left := 0
	var c *exec.Cmd
	w := held(t, func(cfg *Config) {
		cfg.LeaveAtOnce = true
		cfg.Leave = func() { left++; dies(t, c, "killed") }
	})
	c = container(t, "work", `trap "" TERM; while :; do sleep 0.01; done`)
	<-w.Warn("lost")
	w.Terminate()
	if left != 0 {
		t.Error("left before SIGKILL")
	}
	w.Kill()
	if left != 1 {
		t.Errorf("left %d times", left)
	}
}

func refused(t *testing.T, want string) {
	t.Helper()
	if _, err := newTargets(); !errors.Is(err, ErrNotShared) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	cfg := config(t)
	w := start(t, cfg, nil) // without kill there is just no evidence
	if w.Evidence() != "" {
		t.Error(w.Evidence())
	}
	cfg.Kill = true
	if _, err := New(cfg, nil); !errors.Is(err, ErrNotShared) {
		t.Errorf("kill: %v", err)
	}
}

func TestFirstProcessThatIsNoPause(t *testing.T) {
	if inside(t, pod{name: "main"}) {
		refused(t, `"main"`)
	}
}

func TestOneCgroupForAll(t *testing.T) {
	if inside(t, pod{oneCgroup: true}) {
		refused(t, "cannot be told apart")
	}
}

func TestMachinesOwnNamespace(t *testing.T) {
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != initialNamespace {
		t.Skip("not shown here: this is not the machine's own process namespace")
	}
	refused(t, "shareProcessNamespace")
}

// What runs beside a gate that is started anew may do so until the deadline in
// the file, hears SIGTERM then, and SIGKILL half a kill budget later.
func TestBesideARunningWorkload(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	cfg := config(t)
	cfg.Kill = true
	heard := filepath.Join(t.TempDir(), "heard")
	c := container(t, "work", fmt.Sprintf(`trap 'echo heard >%s' TERM; echo up >%s.up; while :; do sleep 0.01; done`, heard, heard))
	must.Happen(t, "up", func() bool { return is(heard + ".up") })
	deadline := cfg.Clock.Now() + 300*time.Millisecond
	w := start(t, cfg, &statedir.Lease{Open: true, Deadline: deadline, KillBudget: 4 * time.Second})
	for cfg.Clock.Now() < deadline-50*time.Millisecond {
		if early := is(heard) || is(cfg.Sentinel); early && cfg.Clock.Now() < deadline {
			t.Fatal("fenced before the deadline")
		}
		time.Sleep(5 * time.Millisecond)
	}
	must.Happen(t, "SIGTERM", func() bool { return is(heard) })
	if !is(cfg.Sentinel) {
		t.Error("signalled before the sentinel was written")
	}
	dies(t, c, "killed")
	if took := cfg.Clock.Now() - deadline; took < 2*time.Second {
		t.Errorf("killed %v after the deadline", took)
	}
	goneIs(t, w, false) // nothing is held that evidence were for

	// The lock is won in time: the workload is let be.
	again := container(t, "work", "exec sleep 1000")
	dies(t, again, "a gate without a file fences at once")
	w.Close()
	spared := container(t, "work", "exec sleep 1000")
	deadline = cfg.Clock.Now() + 100*time.Millisecond
	w = start(t, cfg, &statedir.Lease{Open: true, Deadline: deadline, KillBudget: 100 * time.Millisecond})
	w.Start(gate.Grant{Token: 2})
	must.Happen(t, "well past the deadline", func() bool { return cfg.Clock.Now() > deadline+200*time.Millisecond })
	if !alive(spared.Process.Pid) || is(cfg.Sentinel) {
		t.Error("fenced although the lock was won")
	}
	_ = spared.Process.Kill()
}
