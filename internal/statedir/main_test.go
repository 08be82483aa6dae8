//go:build linux

package statedir

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/pkg/gate"
)

// asChild makes the test binary another process at the same directory.
const asChild = "STATEDIR_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(asChild); role != "" {
		os.Exit(child(role, os.Args[1], os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// child does one thing, tells, and stays until its standard input ends.
func child(role, base string, args []string) int {
	d, err := Open(base, "key")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	switch role {
	case "lock":
		fmt.Println(answer(d.TryLock()))
	case "bequeath": // the lock outlives this process in a child of its own
		if err := d.TryLock(); err != nil {
			fmt.Println(err)
			return 1
		}
		heir := exec.Command("sleep", "1000")
		heir.ExtraFiles = []*os.File{d.LockFile()}
		if err := heir.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(heir.Process.Pid)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "spawn": // what is executed without being handed the lock does not have it
		if err := d.TryLock(); err != nil {
			fmt.Println(err)
			return 1
		}
		c := exec.Command("sleep", "1000")
		if err := c.Start(); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(c.Process.Pid)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "sees": // what a follower would
		l, err := d.ReadLease()
		if err == nil {
			err = d.Live(l, gate.BootClock().Now())
		}
		fmt.Println(answer(err))
	case "follow":
		return followUntilKilled(d, args)
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

func answer(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// startChild starts a child and gives its first line. stop ends it in an orderly way, its process may be killed.
func startChild(t *testing.T, role, base string, args ...string) (said string, c *exec.Cmd, stop func()) {
	t.Helper()
	return startChildUnder(t, nil, role, base, args...)
}

// startChildUnder starts it by way of another command.
func startChildUnder(t *testing.T, under []string, role, base string, args ...string) (said string, c *exec.Cmd, stop func()) {
	t.Helper()
	whole := append(append(under, os.Args[0], base), args...)
	c = exec.Command(whole[0], whole[1:]...)
	c.Env = append(os.Environ(), asChild+"="+role)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { _ = in.Close(); _ = c.Wait() } // once more does nothing
	t.Cleanup(func() { _ = c.Process.Kill(); stop() })
	said, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said %q: %v", role, said, err)
	}
	return strings.TrimSpace(said), c, stop
}

func open(t *testing.T, base, key string) *Dir {
	t.Helper()
	d, err := Open(base, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// locked is a directory whose flock the test has.
func locked(t *testing.T) *Dir {
	t.Helper()
	d := open(t, t.TempDir(), "key")
	if err := d.TryLock(); err != nil {
		t.Fatal(err)
	}
	return d
}

func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

func killPID(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}
