//go:build linux

package fence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

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

// pauses are the programs that keep a pod's process namespace: Kubernetes' own and Podman's.
var pauses = []string{"pause", "catatonit"} //nolint:gochecknoglobals // a constant table

var (
	// ErrNotShared says that the gate sees no processes but its own, or those of the whole machine.
	ErrNotShared = errors.New("the process namespace is not one that the containers of a pod share: set shareProcessNamespace: true in the pod")
	// errForks says that a process was started while the processes were listed: one may be missing.
	errForks = errors.New("processes are being started")
)

func newTargets() (*targets, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("looking at our process namespace: %w", err)
	}
	// Whatever runs on a machine is nobody's workload: a pod's namespace is its own.
	if os.Getpid() == 1 || ns == initialNamespace {
		return nil, ErrNotShared
	}
	own, err := cgroupOf(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("looking at our own process: %w", err)
	}
	init, err := proctree.Look(1)
	if err != nil {
		return nil, fmt.Errorf("%w: other users' processes are hidden from us", ErrNotShared)
	}
	// Signals do not reach the first process of a namespace: it must not be the workload's.
	if !slices.Contains(pauses, init.Comm) {
		return nil, fmt.Errorf("%w: its first process is %q and not a pod's pause", ErrNotShared, init.Comm)
	}
	// Containers are told apart by their cgroups. Where there is one for all, everything would be our own.
	if first, err := cgroupOf(1); err != nil || first == own {
		return nil, fmt.Errorf("%w: the pod's pause is in our own cgroup, so containers cannot be told apart", ErrNotShared)
	}
	return &targets{own: own, marked: map[string]bool{}}, nil
}

func cgroupOf(pid int) (string, error) {
	p, err := proctree.Look(pid)
	if err != nil {
		return "", err
	}
	return p.Cgroup()
}

// candidate is a process of another container.
type candidate struct {
	proctree.Process
	cgroup string
	// secret is true where its environment cannot be read: it may be marked.
	secret bool
}

// find lists the living processes of the workload, to be signalled. Never PID 1: it is the pod's pause.
func (t *targets) find() ([]proctree.Process, error) {
	others, err := t.others()
	var list []proctree.Process
	for _, c := range others {
		if len(t.marked) == 0 || t.in(c.cgroup) {
			list = append(list, c.Process)
		}
	}
	return list, err
}

// none proves that no process of the workload lives: none is to be seen, none
// that cannot be told from one, and none was started while they were listed.
func (t *targets) none() error {
	before, err := newest()
	if err != nil {
		return err
	}
	others, err := t.others()
	if err != nil {
		return err
	}
	known := map[string]bool{} // cgroups in which an environment could be read
	for _, c := range others {
		known[c.cgroup] = known[c.cgroup] || !c.secret
	}
	for _, c := range others {
		if len(t.marked) == 0 || t.in(c.cgroup) || !known[c.cgroup] {
			return fmt.Errorf("process %d (%s) lives", c.PID, c.Comm)
		}
	}
	if after, err := newest(); err != nil || !bytes.Equal(before, after) {
		return errors.Join(errForks, err)
	}
	return nil
}

// newest is the id of the last process of this namespace (proc_loadavg(5)).
func newest() ([]byte, error) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, fmt.Errorf("looking for new processes: %w", err)
	}
	b = bytes.TrimSpace(b)
	return b[bytes.LastIndexByte(b, ' ')+1:], nil
}

// others lists the living processes outside our own container.
func (t *targets) others() ([]candidate, error) {
	var (
		others []candidate
		errs   []error
	)
	all, err := proctree.Scan()
	if err != nil { // of some of them: the others are signalled all the same
		errs = append(errs, fmt.Errorf("listing processes: %w", err))
	}
	for _, p := range all {
		if p.PID == 1 || p.PID == os.Getpid() || !p.Alive() {
			continue
		}
		cgroup, err := p.Cgroup()
		if gone(err) || err == nil && cgroup == t.own {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		// Unreadable where the process is another user's, and empty in the middle of execve: its cgroup's other processes may tell.
		_, found, err := p.Getenv(Marker)
		if err == nil && found {
			t.marked[cgroup] = true
		}
		// A process on its way out has no environment any more, and may still have files open: it lives until it is a zombie.
		now, looked := proctree.Look(p.PID)
		if looked != nil && !gone(looked) { // it is one more that may live
			errs = append(errs, looked)
			others = append(others, candidate{p, cgroup, true})
		}
		if looked == nil && now.Start == p.Start && now.Alive() {
			others = append(others, candidate{p, cgroup, err != nil})
		}
	}
	return others, errors.Join(errs...)
}

// gone tells that a process has ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, proctree.ErrGone) || errors.Is(err, syscall.ESRCH)
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
