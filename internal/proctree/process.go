//go:build linux

// Package proctree finds, signals and reaps processes on Linux.
//
// Promised: a signal never reaches a process other than the one that was
// seen, although process ids are used again; a zombie counts as gone, unless
// other threads of it still run; an empty tree is proved by the kernel
// (wait4 answers ECHILD to a subreaper that has no children left), not by a list.
//
// Not promised: one scan of /proc is no snapshot. A process that forks while
// it is made may be missing from it, which is why killing repeats and why the
// proof is ECHILD. What a process has handed to another daemon (systemd-run,
// at, a container engine's socket) is not in its tree.
//
// /proc is read here and not by way of a library: six fields of one file are
// needed, together with the start time of the very same read.
package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Process is one process as a single read of /proc/PID/stat showed it.
type Process struct {
	PID     int
	PPID    int
	Group   int
	Session int
	// Start is when the process was started, in clock ticks since boot. PID
	// and Start together name one process for as long as the machine runs.
	Start uint64
	// Comm is the name of the program, at most 15 bytes, chosen by the program itself.
	Comm string
	// State is the letter of proc(5): R, S, D, T, t, Z, X, I.
	State byte

	threads int
}

// Alive says that something of the process can still run. The leader of a
// process whose other threads live on is shown as a zombie, but is none.
func (p Process) Alive() bool {
	switch p.State {
	case 'Z', 'X', 'x':
		return p.threads > 1
	default:
		return true
	}
}

// Look reads one process. The error is an [fs.ErrNotExist] where there is none.
func Look(pid int) (Process, error) {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if errors.Is(err, unix.ESRCH) { // ended between open and read
		err = fs.ErrNotExist
	}
	if err != nil {
		return Process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return parseStat(pid, stat)
}

// Scan lists every process that /proc shows, zombies included, in no order.
// It is one walk and no snapshot; processes that end meanwhile are left out, and so are those that are hidden from us.
// An error with a list says that others could not be read, for want of
// files or memory: what is in it can be signalled, and that it is all cannot be concluded.
func Scan() ([]Process, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var (
		all  []Process
		lost int
		why  error
	)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue // not a process
		}
		p, err := Look(pid)
		switch {
		case err == nil:
			all = append(all, p)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // gone, or hidden from us (hidepid): nothing that we could signal either
		default:
			lost, why = lost+1, err
		}
	}
	if why != nil {
		return all, fmt.Errorf("list processes: %d could not be read: %w", lost, why)
	}
	return all, nil
}

func procPath(pid int, file string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + file
}

// parseStat reads the fields of proc_pid_stat(5). The name is in parentheses
// and may hold anything, parentheses and newlines too; what follows the last one is plain.
func parseStat(pid int, stat []byte) (Process, error) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return Process{}, fmt.Errorf("stat of process %d: no name in %q", pid, stat)
	}
	rest := bytes.Fields(stat[end+1:]) // rest[0] is field 3 of the manual page
	if len(rest) < 20 {
		return Process{}, fmt.Errorf("stat of process %d: %d fields after the name, want at least 20", pid, len(rest))
	}
	p := Process{PID: pid, Comm: string(stat[open+1 : end]), State: rest[0][0]}
	var errs []error
	number := func(field int) int {
		n, err := strconv.Atoi(string(rest[field-3]))
		errs = append(errs, err)
		return n
	}
	p.PPID, p.Group, p.Session, p.threads = number(4), number(5), number(6), number(20)
	start, err := strconv.ParseUint(string(rest[22-3]), 10, 64)
	p.Start = start
	if err := errors.Join(append(errs, err)...); err != nil {
		return Process{}, fmt.Errorf("stat of process %d: %w", pid, err)
	}
	return p, nil
}
