//go:build linux

package proctree

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func init() { //nolint:gochecknoinits // only here are we sure to be on the main thread
	if len(os.Args) > 1 && os.Args[1] == "__headless" {
		runtime.LockOSThread() // in init this is the main thread, and stays so
	}
}

// The test binary is also the processes that a shell cannot be.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "__headless":
			headless()
		case "__subreaper":
			os.Exit(subreaper(func() error { _, err := KillPass(os.Getpid()); return err }, os.Args[2:]))
		case "__chase":
			os.Exit(subreaper(func() error { chase(os.Getpid(), nil); return nil }, os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// headless is a process whose main thread has ended and whose others live.
func headless() {
	go func() {
		for {
			time.Sleep(time.Hour)
		}
	}()
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0) // exit, not exit_group
}

// subreaper runs a program with a tree, waits until that has written a line,
// kills the tree and prints how it ended.
func subreaper(kill func() error, command []string) int {
	fail := func(what string, err error) int {
		fmt.Println(what, err)
		return 1
	}
	if err := BecomeSubreaper(); err != nil {
		return fail("subreaper", err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return fail("pipe", err)
	}
	if _, err := syscall.ForkExec(command[0], command, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, in.Fd(), 2}}); err != nil {
		return fail("start", err)
	}
	if _, err := out.Read(make([]byte, 64)); err != nil {
		return fail("read", err)
	}
	seen, err := Descendants(os.Getpid())
	if err != nil {
		return fail("descendants", err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if err := kill(); err != nil {
			return fail("kill", err)
		}
		_, empty, err := Reap()
		if err != nil {
			return fail("reap", err)
		}
		if empty {
			fmt.Println("seen", len(seen), "empty", childless())
			return 0
		}
		time.Sleep(time.Millisecond)
	}
	fmt.Println("not empty")
	_, _ = KillPass(os.Getpid())
	return 1
}

// childless asks /proc, zombies included.
func childless() bool {
	all, err := Scan()
	for _, p := range all {
		if p.PPID == os.Getpid() {
			return false
		}
	}
	return err == nil
}
