//go:build linux

package fence

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mongogate/mongogate/internal/proctree"
)

// Marker is the variable by which the processes of a workload's containers are
// told from others in a shared process namespace. Without any, all containers but our own are the workload.
const Marker = "MONGOGATE_WORKLOAD"

// targets finds the processes of the workload.
type targets struct {
	own    string
	marked map[string]bool // cgroups in which a marked process was seen
}

// initialNamespace is the machine's own (PROC_PID_INIT_INO in linux/proc_ns.h), also in a pod with hostPID.
const initialNamespace = "pid:[4026531836]"

// ErrNotShared says that the gate sees no processes but its own, or those of the whole machine.
var ErrNotShared = errors.New("the process namespace is not one that the containers of a pod share: set shareProcessNamespace: true in the pod")

func newTargets() (*targets, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("looking at our process namespace: %w", err)
	}
	// Whatever runs on a machine is nobody's workload: a pod's namespace is its own.
	if os.Getpid() == 1 || ns == initialNamespace {
		return nil, ErrNotShared
	}
	self, err := proctree.Look(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("looking at our own process: %w", err)
	}
	own, err := self.Cgroup()
	if err != nil {
		return nil, fmt.Errorf("looking at our own cgroup: %w", err)
	}
	return &targets{own: own, marked: map[string]bool{}}, nil
}

// find lists the living processes of the workload. Never PID 1: it is the pod's pause.
func (t *targets) find() ([]proctree.Process, error) {
	all, err := proctree.Scan()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	type candidate struct {
		p      proctree.Process
		cgroup string
	}
	var others []candidate
	for _, p := range all {
		if p.PID == 1 || p.PID == os.Getpid() || !p.Alive() {
			continue
		}
		cgroup, err := p.Cgroup()
		if err != nil || cgroup == t.own {
			continue // it has ended meanwhile, or is our own container's
		}
		// Unreadable where the process is another user's: its cgroup's other processes may tell.
		if _, found, err := p.Getenv(Marker); err == nil && found {
			t.marked[cgroup] = true
		}
		others = append(others, candidate{p, cgroup})
	}
	var list []proctree.Process
	for _, c := range others {
		if len(t.marked) == 0 || t.in(c.cgroup) {
			list = append(list, c.p)
		}
	}
	return list, nil
}

// in is true for a marked cgroup and those below it.
func (t *targets) in(cgroup string) bool {
	for m := range t.marked {
		if cgroup == m || strings.HasPrefix(cgroup, m+"/") {
			return true
		}
	}
	return false
}
