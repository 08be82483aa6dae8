//go:build linux

package proctree

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/pkg/problem"
)

// BecomeSubreaper makes orphans below the caller its children instead of
// init's. It holds for what is started from now on and for what has been.
func BecomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	return nil
}

// CheckProc refuses a /proc of another process namespace (unshare --pid
// without --mount-proc), whose process ids mean other processes than ours do.
func CheckProc() error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return fmt.Errorf("processes cannot be listed: %w", err)
	}
	if self != strconv.Itoa(os.Getpid()) {
		return problem.Problem{Message: fmt.Sprintf("/proc belongs to another process namespace: we are process %d here and %s there", os.Getpid(), self), Remedy: "mount our own"}
	}
	return nil
}

// CheckTime refuses to run where children would have another time namespace
// than the caller: deadlines are told them by CLOCK_BOOTTIME, which would be another clock.
func CheckTime() error {
	own, err := os.Readlink("/proc/self/ns/time")
	if err != nil {
		return nil //nolint:nilerr // a kernel without time namespaces
	}
	children, err := os.Readlink("/proc/self/ns/time_for_children")
	if err != nil {
		return fmt.Errorf("the time namespace of children is not known: %w", err)
	}
	if own != children {
		return problem.Problem{Message: "this process and what it starts are in different time namespaces", Remedy: "start it with unshare --time --fork"}
	}
	return nil
}

// HideMemory makes the caller non-dumpable: other processes of its user can
// neither read its environment and memory nor trace it. What it executes is dumpable again.
func HideMemory() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("become non-dumpable: %w", err)
	}
	return nil
}

// DropNewPrivileges sets no_new_privs for what the calling thread starts, so
// that a set-user-id program in the tree cannot become a user whom we may not
// signal. Root may signal everybody: nothing is set then. The caller has
// locked its goroutine to the thread.
func DropNewPrivileges() error {
	if os.Geteuid() == 0 {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

// DieWithParent asks for SIGKILL when the thread that started the caller
// ends. It holds for the calling thread, which is to be the one that executes
// the program; executing a program that gains privileges undoes it.
func DieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to die with the parent: %w", err)
	}
	return nil
}

// SignalSet is a set of signals, numbers 1 to 64.
type SignalSet uint64

// Signals is the set of these.
func Signals(all ...syscall.Signal) SignalSet {
	var s SignalSet
	for _, sig := range all {
		s |= 1 << (sig - 1)
	}
	return s
}

// Has says whether sig is in the set.
func (s SignalSet) Has(sig syscall.Signal) bool {
	return sig >= 1 && sig <= 64 && s>>(sig-1)&1 == 1
}

// Ignored is the set of signals that the caller ignores now. Asked for before
// any call of signal.Ignore it is what was inherited (nohup), as far as Go's
// runtime leaves it alone: SIGHUP, SIGINT and the signals whose default it
// keeps, such as SIGTSTP. It replaces the others' ignoring by its own handler before main begins.
func Ignored() (SignalSet, error) {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return 0, fmt.Errorf("read the ignored signals: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if hex, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("read the ignored signals: %w", err)
			}
			return SignalSet(set), nil
		}
	}
	return 0, fmt.Errorf("read the ignored signals: no SigIgn line")
}
