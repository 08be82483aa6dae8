//go:build linux

package proctree

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// chaseFor bounds a chase. Most processes need less to go, and a process that
// the kernel cannot end is not waited for with a busy core.
const chaseFor = 2 * time.Millisecond

// chase kills what becomes root's own child, again and again without a pause.
// It is for chains of processes each of which lives only to start the next: a
// scan of all of /proc takes longer than such a process lives, and shows the link
// that is alive with little luck. But a subreaper inherits every link whose
// parent has ended, and the list of its own children is short.
//
// The list is that of root's first thread: orphans are given to it (find_new_reaper
// in the kernel's exit.c). A kernel without it (CONFIG_PROC_CHILDREN) leaves us the scans.
func chase(root int, spare []int) {
	for end := time.Now().Add(chaseFor); time.Now().Before(end); {
		children, err := childrenOf(root)
		if err != nil || !killEach(children, spare) {
			return
		}
	}
}

func killEach(pids, spare []int) (alive bool) {
	for _, pid := range pids {
		if slices.Contains(spare, pid) {
			continue
		}
		if p, err := Look(pid); err == nil && p.Alive() {
			alive = true
			_ = p.Signal(syscall.SIGKILL) // the scans say what stands in the way
		}
	}
	return alive
}

// childrenOf lists the children of a process's first thread, zombies too.
func childrenOf(pid int) ([]int, error) {
	list, err := os.ReadFile(procPath(pid, "task/"+strconv.Itoa(pid)+"/children"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, field := range strings.Fields(string(list)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, nil
}
