//go:build linux

package podworkload

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/mongogate/mongogate/internal/proctree"
)

// Marks of containers, in the environment of any of their processes. That a process shows none proves nothing:
// servers write their titles over it, and env -i leaves none.
const (
	// Marker says that a container is the workload, whatever else is said of it.
	Marker = "MONGOGATE_WORKLOAD"
	// Spared says that a container may run without the lock.
	Spared = "MONGOGATE_SPARED"
)

// nameSize is how much of a program's name the kernel keeps (TASK_COMM_LEN without the zero).
const nameSize = 15

// targets finds the processes of the workload in a process namespace that the
// containers of a pod share. Everything is the workload but what is proven not to be: our own container, the pod's pause,
// containers that another gate begins, and containers that are spared, by their mark or, as a matter of trust, by the program that they begin with.
type targets struct {
	own place
	// tell are the hierarchies in which containers differ.
	tell   []string
	names  []string // programs of spared containers
	gates  gates
	marked []place
	spared []place
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

// newTargets looks at the namespace. spare are names of programs.
func newTargets(spare ...string) (*targets, error) {
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
	own, err := placeOf(self)
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
	first, err := placeOf(init)
	if err != nil {
		return nil, fmt.Errorf("%w: the pod's pause cannot be looked at: %w", ErrNotShared, err)
	}
	tell := own.apart(first)
	if len(tell) == 0 {
		return nil, fmt.Errorf("%w: the pod's pause is in our own cgroup, so containers cannot be told apart", ErrNotShared)
	}
	t := &targets{own: own, tell: tell, gates: gates{known: map[identity]bool{}}}
	for _, name := range spare {
		t.names = append(t.names, name[:min(len(name), nameSize)])
	}
	return t, nil
}

// find lists the living processes of the workload, to be signalled. Never PID 1: it is the pod's pause.
// An error with a list says that more may live.
func (t *targets) find() ([]proctree.Process, error) {
	var (
		others []candidate
		list   []proctree.Process
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
		in, err := placeOf(p)
		if gone(err) || err == nil && in.in(t.own, t.tell) {
			continue
		}
		if err != nil { // it is one more that may be the workload's
			errs = append(errs, err)
		}
		t.read(p, in)
		others = append(others, candidate{p, in})
	}
	trusted := t.trusted(others)
	for i, c := range others {
		switch {
		case t.within(c.in, t.marked):
		case trusted[i], t.within(c.in, t.spared):
			continue
		}
		list = append(list, c.Process)
	}
	return list, errors.Join(errs...)
}

// candidate is a process outside our own container, and where it is; nil where that is not known.
type candidate struct {
	proctree.Process
	in place
}

// read looks for the marks of a container, for that of a workload also where it has shown the other one. Unreadable where the process is another user's.
func (t *targets) read(p proctree.Process, in place) {
	// What is above us is no container: a process there, as of nsenter, speaks for nobody but itself.
	if in == nil || in.above(t.own, t.tell) || t.within(in, t.marked) {
		return
	}
	if _, found, err := p.Getenv(Marker); err == nil && found {
		t.marked = append(t.marked, in)
		return
	}
	if t.within(in, t.spared) {
		return
	}
	if value, found, err := p.Getenv(Spared); err == nil && found && value != "" && value != "false" {
		t.spared = append(t.spared, in)
	}
}

func (t *targets) within(c place, list []place) bool {
	return slices.ContainsFunc(list, func(top place) bool { return c.in(top, t.tell) })
}

// trusted tells of each process whether its container begins with another gate, or with a program that is spared by its name. The first
// process of a container is its oldest, and was not left to the pause by another one.
func (t *targets) trusted(others []candidate) []bool {
	first := map[string]candidate{}
	for _, c := range others {
		key := c.in.key(t.tell)
		if f, ok := first[key]; !ok || c.Start < f.Start || c.Start == f.Start && c.PID < f.PID {
			first[key] = c
		}
	}
	trusted := make([]bool, len(others))
	for i, c := range others {
		f := first[c.in.key(t.tell)]
		trusted[i] = c.in != nil && f.PPID != 1 && (slices.Contains(t.names, f.Comm) || t.gates.is(f.Process))
	}
	return trusted
}

// none proves that no process of the workload lives: none is to be seen, and none was started while they were listed.
func (t *targets) none() error {
	before, err := newest()
	if err != nil {
		return err
	}
	list, err := t.find()
	if err != nil {
		return err
	}
	if len(list) > 0 {
		return fmt.Errorf("process %d (%s) lives", list[0].PID, list[0].Comm)
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

// gone tells that a process has ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, proctree.ErrGone) || errors.Is(err, syscall.ESRCH)
}
