//go:build linux

package witness

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
)

// Comm is the name of a workload's processes; EnvKey and EnvCluster are what marks them.
const (
	Comm       = "worker"
	EnvKey     = "E2E_KEY"
	EnvCluster = "E2E_CLUSTER"
)

// Marks is a file in the container of a real server, with the values of EnvKey and EnvCluster in its two lines: a
// server writes its title over its environment.
const Marks = "/data/e2e"

// servers are the names of their processes.
var servers = []string{"nginx", "postgres", "java", "python3"} //nolint:gochecknoglobals // names, never changed

// tick is the kernel's unit of a process's start time: USER_HZ is 100 on every architecture we run on.
const tick = 10 * time.Millisecond

// worker is a living process of a workload.
type worker struct {
	key, cluster, pod, container string
	start                        time.Duration // since boot
}

// table is /proc, with a memory: two clusters have hundreds of processes, and
// reading each at every look would take half a core from the clusters themselves.
type table struct {
	look int
	seen map[int]*entry
}

// entry is what is known of a process id since it is in use without a break.
type entry struct {
	since int // the look that showed it first
	last  int // the one that showed it last
	start uint64
	// worker is set once it is known to be one: its marks do not change.
	worker *worker
}

// A process may still become a worker by exec. Young ones are read at every
// look, settled ones once a second.
const (
	young   = 1500 // looks: half a minute
	settled = 50
)

func newTable() *table { return &table{seen: map[int]*entry{}} }

// workers are all living ones. The error is one of the whole walk.
func (t *table) workers() ([]worker, error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	defer func() { _ = proc.Close() }()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	t.look++
	var found []worker
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue // not a process
		}
		if w := t.read(pid); w != nil {
			found = append(found, *w)
		}
	}
	for pid, e := range t.seen {
		if e.last != t.look {
			delete(t.seen, pid)
		}
	}
	return found, nil
}

// read looks at one process, and returns it if it is a worker that lives.
func (t *table) read(pid int) *worker {
	e := t.seen[pid]
	if e == nil {
		e = &entry{since: t.look}
		t.seen[pid] = e
	}
	e.last = t.look
	age := t.look - e.since
	if e.worker == nil && age > young && (age+pid)%settled != 0 {
		return nil
	}
	p, err := proctree.Look(pid)
	if err != nil {
		return nil
	}
	if e.start != p.Start { // the id went to another process between two looks
		e.start, e.worker, e.since = p.Start, nil, t.look
	}
	if p.Comm != Comm && !slices.Contains(servers, p.Comm) || !p.Alive() {
		e.worker = nil
		return nil
	}
	if e.worker == nil {
		e.worker = identify(p)
	}
	return e.worker
}

// identify reads the marks of a process; nil if it has none, or has them not
// yet: the environment of one that is in the middle of an exec is empty.
func identify(p proctree.Process) *worker {
	cgroup, err := p.Cgroup()
	if err != nil {
		return nil
	}
	w := &worker{start: time.Duration(p.Start) * tick}
	w.pod, w.container = Place(cgroup)
	if p.Comm != Comm {
		if w.pod == "" {
			return nil // this machine has servers of its own
		}
		marks, err := os.ReadFile(fmt.Sprintf("/proc/%d/root%s", p.PID, Marks))
		if err != nil {
			return nil
		}
		w.key, w.cluster, _ = strings.Cut(strings.TrimSpace(string(marks)), "\n")
		return w
	}
	key, found, err := p.Getenv(EnvKey)
	if err != nil || !found {
		return nil
	}
	w.key = key
	w.cluster, _, _ = p.Getenv(EnvCluster)
	return w
}

// Kubelets name cgroups kubepods/…/pod<UID>/<container>, or with systemd
// …-pod<UID with underscores>.slice/cri-containerd-<container>.scope.
var (
	podName       = regexp.MustCompile(`pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})`)
	containerName = regexp.MustCompile(`[0-9a-f]{64}`)
)

// Place reads a pod's UID and a container's id from a process's cgroups.
// Where a cluster's node is a container itself, the innermost counts.
func Place(cgroup string) (pod, container string) {
	if all := podName.FindAllStringSubmatchIndex(cgroup, -1); len(all) > 0 {
		last := all[len(all)-1]
		pod = strings.ReplaceAll(cgroup[last[2]:last[3]], "_", "-")
		container = containerName.FindString(cgroup[last[1]:])
	}
	return pod, container
}
