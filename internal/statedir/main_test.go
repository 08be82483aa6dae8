//go:build linux

package statedir

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// asChild makes the test binary another process at the same directory.
const asChild = "STATEDIR_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(asChild); role != "" {
		os.Exit(child(role, os.Args[1]))
	}
	goleak.VerifyTestMain(m)
}

// child does one thing, tells, and stays until its standard input ends.
func child(role, base string) int {
	d, err := Open(base, "key")
	if err == nil && role != "sees" && role != "follow" {
		err = d.TryLock()
	}
	said := answer(err)
	switch {
	case role == "sees": // what a follower would
		l, err := d.ReadLease()
		if err == nil {
			err = d.Live(l, gate.BootClock().Now())
		}
		said = answer(err)
	case role == "follow": // a follower that does not live to give its word
		l, err := (&Follower{Dir: d, Clock: gate.BootClock(), Budget: testBudget}).Acquire(context.Background())
		if said = answer(err); err == nil {
			said = strconv.FormatInt(l.Token(), 10)
		}
	case err == nil && role != "lock": // a child of its own outlives this process
		c := exec.Command("sleep", "1000")
		if role == "bequeath" { // or is not handed the lock
			c.ExtraFiles = []*os.File{d.LockFile()}
		}
		if err := c.Start(); err != nil {
			return 1
		}
		fmt.Println(c.Process.Pid)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	fmt.Println(said)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

func answer(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// startChild starts a child, by way of another command if there is one, and gives its first line.
func startChild(t *testing.T, role, base string, under ...string) (said string, c *exec.Cmd) {
	t.Helper()
	whole := append(under, os.Args[0], base)
	c = exec.Command(whole[0], whole[1:]...)
	c.Env = append(os.Environ(), asChild+"="+role)
	in := must.Get(c.StdinPipe())(t)
	out := must.Get(c.StdoutPipe())(t)
	c.Stderr = os.Stderr
	must.Do(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = in.Close(); _ = c.Wait() })
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said %q: %v", role, said, err)
	}
	return strings.TrimSpace(said), c
}

func open(t *testing.T, base, key string) *Dir {
	t.Helper()
	d := must.Get(Open(base, key))(t)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// locked is a directory whose flock the test has.
func locked(t *testing.T) *Dir {
	t.Helper()
	d := open(t, t.TempDir(), "key")
	must.Do(t, d.TryLock())
	return d
}

func killPID(t *testing.T, pid string) {
	t.Helper()
	must.Do(t, syscall.Kill(must.Get(strconv.Atoi(pid))(t), syscall.SIGKILL))
}
