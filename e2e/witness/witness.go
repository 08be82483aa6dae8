//go:build linux

package witness

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"golang.org/x/sys/unix"
)

// Run is an unbroken time during which processes of one container's workload lived.
type Run struct {
	Key     string
	Cluster string // E2E_CLUSTER of its first process, for people
	// Pod and Container are the UID and the id by which the cgroup is named.
	Pod, Container string
	// Start is when the first of its processes was started, to 10 ms.
	Start time.Time
	// Before is the beginning of the last look that did not show it yet, or its
	// start if that is later: it was nobody's workload until then.
	Before time.Time
	// First is the beginning of the first look that showed it: a container's
	// process is started some time before it becomes the workload's.
	First time.Time
	// Seen is the beginning of the last look that showed it.
	Seen time.Time
	// Gone is the end of the first look that did not; zero while it lives.
	Gone time.Time
}

// Alive says that the last look showed it.
func (r Run) Alive() bool { return r.Gone.IsZero() }

// Lived is how long it lived, at least and at most.
func (r Run) Lived() (least, most time.Duration) {
	end := r.Gone
	if r.Alive() {
		end = time.Now()
	}
	return r.Seen.Sub(r.First), end.Sub(r.Before)
}

func (r Run) String() string {
	end := "alive"
	if !r.Alive() {
		end = "gone after " + r.Gone.Sub(r.Start).Round(10*time.Millisecond).String()
	}
	return fmt.Sprintf("%s in pod %s of cluster %q, container %.12s, from %s, %s",
		r.Key, r.Pod, r.Cluster, r.Container, r.Start.UTC().Format("15:04:05.00"), end)
}

// pause is the time between two looks.
const pause = 20 * time.Millisecond

// Witness looks until it is closed.
type Witness struct {
	table *table
	clock gate.Clock
	// An instant on two clocks, by which the kernel's times become ours.
	wall time.Time
	boot time.Duration
	quit chan struct{}
	loop sync.WaitGroup

	mu     sync.Mutex
	runs   []*Run
	looked chan struct{} // closed and replaced after each look
	last   time.Time     // the beginning of the last look
	away   time.Duration // see Away
}

// New begins to look. Close it.
func New() *Witness {
	clock := gate.BootClock()
	w := &Witness{
		table: newTable(), clock: clock, wall: time.Now(), boot: clock.Now(),
		quit: make(chan struct{}), looked: make(chan struct{}),
	}
	w.loop.Go(w.run)
	return w
}

// Close ends the looking.
func (w *Witness) Close() {
	close(w.quit)
	w.loop.Wait()
}

func (w *Witness) run() {
	// What keeps the machine busy is what it is to see: its thread comes before all
	// of that, where it may (root's), and is never unlocked, so that it ends with that.
	runtime.LockOSThread()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}, 0) // Away tells how it goes without
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		w.look()
		select {
		case <-tick.C:
		case <-w.quit:
			return
		}
	}
}

// look walks the table once and brings the runs up to date.
func (w *Witness) look() {
	began := time.Now()
	there, err := w.table.workers()
	ended := time.Now()
	if err != nil {
		return // no walk: nobody is told anything
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() {
		w.away = max(w.away, ended.Sub(w.last))
	}
	found := map[*Run]bool{}
	for _, p := range there {
		r := w.current(p)
		if r == nil {
			r = &Run{Key: p.key, Cluster: p.cluster, Pod: p.pod, Container: p.container, Start: w.at(p.start), First: began}
			r.Before = r.Start
			if w.last.After(r.Start) {
				r.Before = w.last
			}
			w.runs = append(w.runs, r)
		}
		r.Seen = began
		found[r] = true
	}
	for _, r := range w.runs {
		if r.Alive() && !found[r] {
			r.Gone = ended
		}
	}
	w.last = began
	close(w.looked)
	w.looked = make(chan struct{})
}

// Away is the longest time in which a process may have begun and ended unseen since
// its first look: from the beginning of one to the end of the next one, or to now.
func (w *Witness) Away() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last.IsZero() {
		return 0
	}
	return max(w.away, time.Since(w.last))
}

// current is the run that a process belongs to, nil if it is the first of a new one.
func (w *Witness) current(p worker) *Run {
	for _, r := range w.runs {
		if r.Alive() && r.Container == p.container && r.Pod == p.pod && r.Key == p.key {
			return r
		}
	}
	return nil
}

func (w *Witness) at(boot time.Duration) time.Time { return w.wall.Add(boot - w.boot) }

// Runs are those of a key so far, in the order in which they were first seen.
func (w *Witness) Runs(key string) []Run {
	w.mu.Lock()
	defer w.mu.Unlock()
	var runs []Run
	for _, r := range w.runs {
		if r.Key == key {
			runs = append(runs, *r)
		}
	}
	return runs
}

// Await returns the first run of a key that is as asked, seen already or to
// come. Its error says what was seen instead.
func (w *Witness) Await(ctx context.Context, key string, asked func(Run) bool) (Run, error) {
	for {
		w.mu.Lock()
		looked := w.looked
		w.mu.Unlock()
		runs := w.Runs(key)
		if i := slices.IndexFunc(runs, asked); i >= 0 {
			return runs[i], nil
		}
		select {
		case <-looked:
		case <-w.quit:
			return Run{}, fmt.Errorf("the witness of %s was closed", key)
		case <-ctx.Done():
			return Run{}, fmt.Errorf("no such run of %s: %w; seen: %v", key, context.Cause(ctx), runs)
		}
	}
}

// Keys are those that begin with prefix and were ever seen, in no order.
func (w *Witness) Keys(prefix string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for _, r := range w.runs {
		if strings.HasPrefix(r.Key, prefix) && !slices.Contains(keys, r.Key) {
			keys = append(keys, r.Key)
		}
	}
	return keys
}
