package sim

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// witness sees every workload of every machine, from outside.
type witness struct {
	start time.Time

	mu      sync.Mutex
	running map[int]gate.Grant // by machine, what its workload runs with
	tokens  map[string]int64   // by key, the highest that a workload was started with
	done    map[string]bool    // keys whose run was seen to be recorded as done
	forced  int64              // the token of a holder from whom the key was taken at once: it may run on for a while
	python  string             // the worker of the Python library that holds the key
	alone   bool               // runs of all keys are one job's, of which only one may run
	faults  []string
	trace   []string
	counts  Counts
}

// Counts is what happened in one history, or in many.
type Counts struct {
	Histories int
	// Started workloads, and those that went on under a new lease after their gate had come back.
	Started, Continued int
	// Acquisitions by the store's own history of hand-overs: of a free key, from a silent holder, by nonce.
	Free, TakenOver, Adopted int
	// Losses by reason.
	LostDeadline, LostTaken, LostRevoked int
	// Released by holders, crashed gates, isolated primaries, writes that were rolled back.
	Released, Crashes, Isolations, RolledBack int
	// Unknown calls: not acknowledged.
	Unknown int
	// Frozen gates, runs that are done, skipped runs, workers of the Python library, keys taken at once.
	Frozen, Done, Skipped, Python, Forced int
}

func (c *Counts) add(o Counts) {
	c.Histories += o.Histories
	c.Started += o.Started
	c.Continued += o.Continued
	c.Free += o.Free
	c.TakenOver += o.TakenOver
	c.Adopted += o.Adopted
	c.LostDeadline += o.LostDeadline
	c.LostTaken += o.LostTaken
	c.LostRevoked += o.LostRevoked
	c.Released += o.Released
	c.Crashes += o.Crashes
	c.Isolations += o.Isolations
	c.RolledBack += o.RolledBack
	c.Unknown += o.Unknown
	c.Frozen += o.Frozen
	c.Done += o.Done
	c.Skipped += o.Skipped
	c.Python += o.Python
	c.Forced += o.Forced
}

func (c Counts) String() string {
	return fmt.Sprintf("%d histories: %d workloads started, %d continued; acquired %d free, %d taken over, %d adopted; lost %d by deadline, %d taken, %d revoked; "+
		"%d released, %d crashes, %d isolations, %d writes rolled back, %d calls unknown; %d gates frozen; %d runs done, %d skipped; %d Python workers, %d keys taken at once",
		c.Histories, c.Started, c.Continued, c.Free, c.TakenOver, c.Adopted, c.LostDeadline, c.LostTaken, c.LostRevoked,
		c.Released, c.Crashes, c.Isolations, c.RolledBack, c.Unknown, c.Frozen, c.Done, c.Skipped, c.Python, c.Forced)
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say(format, args...)
}

// say adds to the trace; w.mu is held.
func (w *witness) say(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%9.3f  ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

func (w *witness) fault(format string, args ...any) {
	w.say("FAULT: "+format, args...)
	w.faults = append(w.faults, fmt.Sprintf("%.3f s: ", time.Since(w.start).Seconds())+fmt.Sprintf(format, args...))
}

// count changes the counts.
func (w *witness) count(f func(*Counts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.counts)
}

// starts is a workload's beginning, or its going on under a new lease.
func (w *witness) starts(machine int, g gate.Grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, own := w.running[machine]
	for other, t := range w.running {
		if other != machine && (t.Key == g.Key || w.alone) && t.Token > w.forced {
			w.fault("two workloads: machine %d starts with token %d of %s while machine %d runs with %d of %s", machine, g.Token, g.Key, other, t.Token, t.Key)
		}
	}
	if w.python != "" {
		w.fault("two workloads: machine %d starts with token %d while %s holds the key", machine, g.Token, w.python)
	}
	if w.done[g.Key] {
		w.fault("machine %d starts %s, which is done", machine, g.Key)
	}
	series := g.Key
	if w.alone {
		series = "" // the job's
	}
	// Where the key was just taken at once, an earlier answer may come late: that holder runs until its next renewal.
	if g.Token <= w.tokens[series] && w.forced != math.MaxInt64 {
		w.fault("machine %d starts with token %d, after %d", machine, g.Token, w.tokens[series])
	}
	w.tokens[series] = max(w.tokens[series], g.Token)
	w.running[machine] = g
	if own {
		w.counts.Continued++
	} else {
		w.counts.Started++
	}
	w.say("machine %d: workload runs, token %d of %s", machine, g.Token, g.Key)
}

// worker is a worker of the Python library: name holds the key from now on, or, empty, nobody of them does.
func (w *witness) worker(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for machine := range w.running {
		if name != "" {
			w.fault("two workloads: %s has the key while machine %d runs", name, machine)
		}
	}
	w.python = name
	if name != "" {
		w.counts.Python++
	}
	w.say("python: %q has the key", name)
}

// gone is a workload's end, to the last process.
func (w *witness) gone(machine int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, machine)
	w.say("machine %d: workload gone", machine)
}

// holders is how many machines' workloads run now.
func (w *witness) holders() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running)
}

// isDone is told that the run of a key is recorded as done.
func (w *witness) isDone(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[key] = true
}

// broken notes a promise that was broken.
func (w *witness) broken(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault(format, args...)
}
