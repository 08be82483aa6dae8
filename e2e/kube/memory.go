//go:build linux

package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/must"
)

// memory is the account of a container's memory: where it is, by which version of cgroups, and two of its files.
type memory struct{ dir, version, usage, limit string }

// MemoryOf is what the cgroup of a role's process counts, in bytes, page cache
// included, and which version of cgroups says so.
func (p *Pod) MemoryOf(role Role) (bytes int64, version string) {
	p.s.t.Helper()
	m := memoryOf(p, p.one(role))
	return m.read(p), m.version
}

// PartsOf is what that is made of, in bytes: anonymous memory, the kernel's for the container, and pages of files. Pages of
// the gate's program are in it only where its container was the first on the node to read them.
func (p *Pod) PartsOf(role Role) (anonymous, kernel, file int64) {
	p.s.t.Helper()
	m := memoryOf(p, p.one(role))
	if m.version == "v2" {
		return p.number(m.dir+"memory.stat", "anon "), p.number(m.dir+"memory.stat", "kernel "), p.number(m.dir+"memory.stat", "file ")
	}
	return p.number(m.dir+"memory.stat", "rss "), p.number(m.dir+"memory.kmem.usage_in_bytes", ""), p.number(m.dir+"memory.stat", "cache ")
}

// ResidentOf is what a role's process has in memory, in bytes: the pages of its
// program too, which no cgroup may count (VmRSS in proc_pid_status(5)).
func (p *Pod) ResidentOf(role Role) int64 {
	p.s.t.Helper()
	return p.number(fmt.Sprintf("/proc/%d/status", p.one(role).PID), "VmRSS:") << 10
}

// Starve takes a container's memory away, down to what cannot be taken, until the kernel has killed the role's process, its
// largest, because something in the container wanted more. Then the container has its memory back, as after a real end for want of
// memory: what is started again begins small.
func (p *Pod) Starve(role Role) {
	p.s.t.Helper()
	victim := p.one(role)
	m := memoryOf(p, victim)
	// That nothing else in the container is chosen. More than it has is allowed to everybody.
	p.must(os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", victim.PID), []byte("1000"), 0))
	before, err := os.ReadFile(m.dir + m.limit)
	p.must(err)
	const step = 64 << 10
	limit := m.read(p)
	p.s.Eventually("has killed for memory: "+role.name+" of pod "+p.Name, starvesWithin, func(context.Context) (bool, string) {
		lives := func() bool {
			now, err := proctree.Look(victim.PID)
			return err == nil && now.Start == victim.Start && now.Alive()
		}
		for ; limit > 0 && lives(); limit -= step {
			err := os.WriteFile(m.dir+m.limit, strconv.AppendInt(nil, limit, 10), 0)
			if errors.Is(err, syscall.EBUSY) { // version 1 takes no more than it finds, and kills who wants more
				return false, fmt.Sprintf("the limit cannot be below %d bytes", limit)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) { // or the container is gone
				p.s.t.Fatalf("%s: pod %s: %v", p.s, p.Name, err)
			}
		}
		return !lives(), "nothing is left of its memory"
	})
	if err := os.WriteFile(m.dir+m.limit, before, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.s.t.Fatalf("%s: pod %s: %v", p.s, p.Name, err)
	}
}

// starvesWithin is how long a process may go without wanting memory.
const starvesWithin = 2 * time.Minute

// one is a role's only process, or the first of them.
func (p *Pod) one(role Role) proctree.Process {
	p.s.t.Helper()
	found := p.Processes(role)
	if len(found) == 0 {
		p.s.t.Fatalf("%s: pod %s has no process %s", p.s, p.Name, role.name)
	}
	return found[0]
}

// memoryOf finds the account of a process's cgroup: a path, or with version 1 lines of number:controllers:path.
func memoryOf(p *Pod, of proctree.Process) memory {
	p.s.t.Helper()
	cgroup := must.Get(of.Cgroup())(p.s.t)
	for line := range strings.Lines(cgroup) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "memory") {
			return memory{"/sys/fs/cgroup/memory" + parts[2] + "/", "v1", "memory.usage_in_bytes", "memory.limit_in_bytes"}
		}
	}
	return memory{"/sys/fs/cgroup" + cgroup + "/", "v2", "memory.current", "memory.max"}
}

func (m memory) read(p *Pod) int64 {
	p.s.t.Helper()
	return p.number(m.dir+m.usage, "")
}
