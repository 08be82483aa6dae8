//go:build linux

package kube

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/witness"
)

// Role tells the processes of a pod apart, by name and command line.
type Role struct {
	name string
	is   func(comm string, args []string) bool
}

// The processes that scenarios do things to.
var (
	// Gate holds the lock: mongogate run or sidecar.
	Gate = Role{"gate", func(comm string, args []string) bool {
		return len(args) > 1 && (args[1] == "__gate" || comm == "mongogate" && slices.Contains([]string{"run", "init"}, args[1]))
	}}
	// Sidecar is a gate that stands beside its workload, not the wrapper that follows it. It is the child of its twin.
	Sidecar = Role{"sidecar", func(_ string, args []string) bool { return len(args) > 1 && args[1] == "__gate" }}
	// Twin is the first process of a sidecar's container.
	Twin = Role{"twin", func(comm string, args []string) bool {
		return comm == "mongogate" && len(args) > 1 && args[1] == "sidecar"
	}}
	// Follower is a wrapper that runs its command by the lease of a sidecar.
	Follower = Role{"follower", func(comm string, args []string) bool {
		return comm == "mongogate" && len(args) > 2 && args[1] == "run" && args[2] == "--follow"
	}}
	// Guard is the process between a gate and its command. It is named by the link to its file that was executed: exe.
	Guard = Role{"guard", func(_ string, args []string) bool { return len(args) > 1 && args[1] == "__guard" }}
	// Stray is what a scenario starts beside main, with nothing that marks it.
	Stray = Role{"stray", func(_ string, args []string) bool { return len(args) > 1 && args[len(args)-1] == "5005" }}
	// Main is the workload.
	Main = Role{"main", func(comm string, _ []string) bool { return comm == witness.Comm }}
)

// Named are the processes of a program.
func Named(program string) Role {
	return Role{program, func(comm string, _ []string) bool { return comm == program }}
}

// Signal sends a signal to the pod's processes of a role, from the machine:
// neither the kubelet nor the container runtime knows of it. It ends the test where there are none.
func (p *Pod) Signal(role Role, sig syscall.Signal) {
	p.s.t.Helper()
	found := p.Processes(role)
	if len(found) == 0 {
		p.s.t.Fatalf("%s: pod %s has no process %s", p.s, p.Name, role.name)
	}
	for _, f := range found {
		if err := f.Signal(sig); err != nil && !errors.Is(err, proctree.ErrGone) {
			p.s.t.Fatalf("%s: pod %s: %v", p.s, p.Name, err)
		}
	}
}

// KeepDown kills the pod's processes of a role now, and whenever there are new
// ones, until release is called or the test ends: a container that crashes faster than it starts.
func (p *Pod) KeepDown(role Role) (release func()) {
	p.s.t.Helper()
	return p.keep(role, syscall.SIGKILL)
}

// KeepStopped stops the pod's processes of a role, again and again, so that what wakes them does not help for long.
func (p *Pod) KeepStopped(role Role) (release func()) {
	p.s.t.Helper()
	return p.keep(role, syscall.SIGSTOP)
}

func (p *Pod) keep(role Role, sig syscall.Signal) (release func()) {
	p.s.t.Helper()
	p.Signal(role, sig)
	quit := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case <-quit:
				return
			case <-again.C:
			}
			found, _ := p.processes(role)
			for _, f := range found {
				_ = f.Signal(sig)
			}
		}
	})
	release = sync.OnceFunc(func() {
		close(quit)
		loop.Wait()
		if sig != syscall.SIGSTOP {
			return
		}
		found, _ := p.processes(role)
		for _, f := range found {
			_ = f.Signal(syscall.SIGCONT) // one that began a moment ago may have no timer yet that wakes it
		}
	})
	p.s.t.Cleanup(release)
	return release
}

// Has asks, for Wait, whether the pod has a process of a role.
func (p *Pod) Has(role Role) func(*corev1.Pod) bool { return p.HasSince(role, time.Time{}) }

// HasSince asks, for Wait, whether the pod has a process of a role that was started after an instant.
func (p *Pod) HasSince(role Role, since time.Time) func(*corev1.Pod) bool {
	return func(*corev1.Pod) bool { return p.Started(role).After(since) }
}

// Remove removes a file as the pod's process of a role sees it.
func (p *Pod) Remove(role Role, path string) {
	p.s.t.Helper()
	p.must(os.Remove("/proc/" + strconv.Itoa(p.one(role).PID) + "/root" + path))
}

// must ends the test at an error, and says of which pod.
func (p *Pod) must(err error) {
	p.s.t.Helper()
	p.s.must(err, "pod %s", p.Name)
}

// Processes are the pod's living ones of a role.
func (p *Pod) Processes(role Role) []proctree.Process {
	p.s.t.Helper()
	return must.Get(p.processes(role))(p.s.t)
}

func (p *Pod) processes(role Role) ([]proctree.Process, error) {
	all, err := proctree.Scan()
	return slices.DeleteFunc(all, func(f proctree.Process) bool {
		if !f.Alive() || !role.is(f.Comm, arguments(f.PID)) {
			return true
		}
		cgroup, err := f.Cgroup()
		pod, _ := witness.Place(cgroup)
		return err != nil || pod != string(p.UID)
	}), err
}

func arguments(pid int) []string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}

// Started is when the pod's process of a role was started, by the kernel, to 10 ms; zero if there is none.
func (p *Pod) Started(role Role) time.Time {
	p.s.t.Helper()
	const tick = 10 * time.Millisecond // USER_HZ is 100
	boot := time.Now().Add(-gate.BootClock().Now())
	for _, found := range p.Processes(role) {
		return boot.Add(time.Duration(found.Start) * tick)
	}
	return time.Time{}
}
