//go:build linux

package podworkload

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// What the test binary is told when it is started again as the first process
// of a namespace (then its name is that of a pause), and by that one as the gate.
const (
	envTest    = "FENCE_TEST"         // the test to run inside, or those of its subtests that were asked for
	envInside  = "FENCE_TEST_INSIDE"  // set for the gate
	envGate    = "FENCE_TEST_GATE"    // the gate's cgroup, "" for that of the first process
	envWork    = "FENCE_TEST_WORK"    // directory of the cgroups for workloads
	envUID     = "FENCE_TEST_UID"     // the gate's user, root where it is empty
	envPrelude = "FENCE_TEST_PRELUDE" // what the first process runs before
	envSleeps  = "FENCE_TEST_SLEEPS"  // this process only sleeps
	envOwnView = "FENCE_TEST_OWNVIEW" // the gate has a cgroup namespace of its own
)

func TestMain(m *testing.M) {
	if os.Getpid() == 1 && os.Getenv(envTest) != "" {
		os.Exit(first())
	}
	if os.Getenv(envSleeps) != "" {
		time.Sleep(time.Hour)
		return
	}
	goleak.VerifyTestMain(m)
}

// first is the first process of a namespace: it starts the gate and reaps until that has ended.
func first() int {
	fail := func(err error) int { fmt.Println("first process:", err); return 1 }
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", "/proc", "proc", 0, "")); err != nil {
		return fail(err)
	}
	if script := os.Getenv(envPrelude); script != "" {
		if err := exec.Command("sh", "-c", script).Run(); err != nil {
			return fail(err)
		}
	}
	gate := []string{"sh", "-c", `test -z "$` + envGate + `" || echo $$ >"$` + envGate + `/cgroup.procs"; exec "$@"`, "sh"}
	if os.Getenv(envOwnView) != "" {
		gate = append(gate, "unshare", "--cgroup")
	}
	if uid := os.Getenv(envUID); uid != "" {
		gate = append(gate, "setpriv", "--reuid", uid, "--regid", uid, "--clear-groups")
	}
	gate = append(gate, os.Args[0], "-test.run="+os.Getenv(envTest), "-test.v", "-test.count=1", "-test.timeout=170s")
	sh, err := exec.LookPath("sh")
	if err != nil {
		return fail(err)
	}
	pid, err := syscall.ForkExec(sh, gate, &syscall.ProcAttr{Env: append(os.Environ(), envInside+"=1"), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return fail(err)
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fail(err)
		}
		if ended == pid {
			return status.ExitStatus()
		}
	}
}

// pod is how a namespace of its own is made for a test.
type pod struct {
	name      string // of the first process; pause
	oneCgroup bool   // gate and first process share one
	uid       string // the gate's user; root
	prelude   string // a script that the first process runs as root
	unified   bool   // the containers are told apart by the unified hierarchy alone, seen from a namespace as a runtime makes it
	env       []string
}

// inside runs the test in a namespace of its own, as one container of a pod
// beside others, and returns true there. Outside it returns false when that has been done.
func inside(t *testing.T, p pod) bool {
	t.Helper()
	if os.Getenv(envInside) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("not shown here: a process namespace with cgroups needs root")
	}
	if p.uid != "" {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skip("not shown here: there is no setpriv")
		}
	}
	if p.name == "" {
		p.name = "pause"
	}
	dir := t.TempDir()
	must.Do(t, os.Chmod(filepath.Dir(dir), 0o755))
	binary := filepath.Join(dir, p.name)
	copyFile(t, os.Args[0], binary)
	tops := []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"}
	if p.unified {
		tops = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}
		p.env = append(p.env, envOwnView+"=1")
		if _, err := exec.LookPath("unshare"); err != nil {
			t.Skip("not shown here: there is no unshare")
		}
	}
	root := cgroups(t, tops...)
	cmd := exec.Command(binary)
	test := "^" + t.Name() + "$"
	if _, subtests, some := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); some {
		test += "/" + subtests
	}
	cmd.Env = append(os.Environ(), envTest+"="+test, envWork+"="+root, envUID+"="+p.uid, envPrelude+"="+p.prelude, "DIR="+dir)
	cmd.Env = append(cmd.Env, p.env...)
	if !p.oneCgroup {
		cmd.Env = append(cmd.Env, envGate+"="+filepath.Join(root, "gate"))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skip("not shown here: the sandbox forbids process namespaces")
	}
	t.Logf("inside:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	must.Do(t, os.WriteFile(to, must.Get(os.ReadFile(from))(t), 0o755))
	must.Do(t, os.Chmod(filepath.Dir(to), 0o755))
}

// cgroups makes cgroups for a gate and workloads, of either version.
func cgroups(t *testing.T, tops ...string) string {
	t.Helper()
	for _, top := range tops {
		root := filepath.Join(top, "mongogate-test-"+rand.Text()[:8])
		if _, err := os.Stat(filepath.Join(top, "cgroup.procs")); err != nil || os.Mkdir(root, 0o755) != nil {
			continue
		}
		dirs := []string{root}
		for _, name := range []string{"gate", "work", "other"} {
			dirs = append(dirs, filepath.Join(root, name))
			must.Do(t, os.Mkdir(filepath.Join(root, name), 0o755))
			_ = os.Chmod(filepath.Join(root, name, "cgroup.procs"), 0o666)
		}
		t.Cleanup(func() {
			for i := len(dirs) - 1; i >= 0; i-- {
				must.Happen(t, "the cgroup "+dirs[i]+" is empty", func() bool { err := os.Remove(dirs[i]); return err == nil || errors.Is(err, os.ErrNotExist) })
			}
		})
		return root
	}
	t.Skip("not shown here: no cgroup can be made")
	return ""
}

// container starts a shell in a cgroup of its own, with a variable in its environment if there is one to mark it.
func container(t *testing.T, cgroup, script string, env ...string) *exec.Cmd {
	t.Helper()
	procs := filepath.Join(os.Getenv(envWork), cgroup, "cgroup.procs")
	cmd := exec.Command("sh", "-c", `echo $$ >"$1" && exec sh -c "$2"`, "sh", procs, script)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	must.Do(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	must.Happen(t, "in its cgroup: "+strconv.Itoa(cmd.Process.Pid), func() bool {
		c := cgroupOf(t, cmd.Process.Pid)
		return c == "" || c != cgroupOf(t, os.Getpid()) || cgroup == "gate"
	})
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// cgroupOf is "" where there is no such process any more.
func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	p, err := proctree.Look(pid)
	if err != nil {
		return ""
	}
	text, err := p.Cgroup()
	if err != nil && !gone(err) {
		t.Fatal(err)
	}
	return text
}
