//go:build linux

package guard_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/pkg/gate"
)

// The test binary is every process of the tests but the commands: the witness
// (the tests), the gate (gateName) and, executed by the gate, the guard.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case guard.Name:
			os.Exit(guard.Main(os.Args[2:]))
		case otherTimeName:
			os.Exit(otherTimeMain())
		case gateName:
			os.Exit(gateMain(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}

// otherTimeName makes the test binary a gate whose children would have another clock.
const otherTimeName = "__othertime"

func init() { //nolint:gochecknoinits // only here are we sure to be on the main thread, whose namespaces /proc/self shows
	if len(os.Args) > 1 && os.Args[1] == otherTimeName {
		runtime.LockOSThread()
	}
}

// otherTimeMain is unshare --time without --fork, on kernels where execve stays in the old namespace.
func otherTimeMain() int {
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		fmt.Println("no time namespace:", err)
		return 0
	}
	_, err := guard.New(guard.Command{
		Path: "true", Env: os.Environ(), Budget: gate.Budget{Kill: time.Second, KillAfter: time.Second / 2}, Confirm: time.Second, Clock: gate.BootClock(), Log: logr.Discard(),
	})
	fmt.Println(err)
	return 0
}

// Deadlines are told the guard by a clock: where its clock would be another one, nothing is begun.
func TestGuardWithAnotherClockIsRefused(t *testing.T) {
	out, err := exec.Command(os.Args[0], otherTimeName).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if said := string(out); strings.HasPrefix(said, "no time namespace") {
		t.Skip("not shown here: " + said)
	} else if !strings.Contains(said, "different time namespaces") {
		t.Errorf("begun with %s", said)
	}
}
