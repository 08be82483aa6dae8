//go:build linux

package proctree

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scopeABI is the version of Landlock that has signal scopes, Linux 6.12.
const scopeABI = 6

// CanScopeSignals is nil where the kernel has Landlock's signal scope.
func CanScopeSignals() error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno != 0:
		return fmt.Errorf("this kernel has no Landlock, or it is not permitted here: %w", errno)
	case version < scopeABI:
		return fmt.Errorf("this kernel's Landlock (version %d) cannot scope signals: Linux 6.12 can", version)
	}
	return nil
}

// ScopeSignals puts the calling thread, and what it executes and starts from
// then on, into a Landlock domain of its own: it can signal, trace and look
// into the memory of processes of that domain and of domains within, and of no
// other process, whatever user it is. It needs no privilege but no_new_privs,
// which is set where the caller may not do without. The caller has locked its
// goroutine to the thread and is about to execute a program.
//
// These are two system calls and no library: go-landlock restricts every
// thread of the process by way of libpsx, and this is one thread that goes on to exec.
func ScopeSignals() error {
	attr := struct{ fs, net, scoped uint64 }{scoped: unix.LANDLOCK_SCOPE_SIGNAL}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	defer unix.Close(int(fd))
	_, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	if errno == unix.EPERM { // not root, or root without CAP_SYS_ADMIN
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("set no_new_privs: %w", err)
		}
		_, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	}
	if errno != 0 {
		return fmt.Errorf("enter a Landlock domain: %w", errno)
	}
	return nil
}
