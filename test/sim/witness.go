package sim

import (
	"fmt"
	"sync"
	"time"
)

// witness sees every workload of every machine, from outside.
type witness struct {
	start time.Time

	mu      sync.Mutex
	running map[int]int64 // machine to the token that its workload runs with
	token   int64         // the highest that a workload was started with
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
}

func (c Counts) String() string {
	return fmt.Sprintf("%d histories: %d workloads started, %d continued; acquired %d free, %d taken over, %d adopted; lost %d by deadline, %d taken, %d revoked; "+
		"%d released, %d crashes, %d isolations, %d writes rolled back, %d calls unknown",
		c.Histories, c.Started, c.Continued, c.Free, c.TakenOver, c.Adopted, c.LostDeadline, c.LostTaken, c.LostRevoked,
		c.Released, c.Crashes, c.Isolations, c.RolledBack, c.Unknown)
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
func (w *witness) starts(machine int, token int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, own := w.running[machine]
	for other, t := range w.running {
		if other != machine {
			w.fault("two workloads: machine %d starts with token %d while machine %d runs with %d", machine, token, other, t)
		}
	}
	if token <= w.token {
		w.fault("machine %d starts with token %d, after %d", machine, token, w.token)
	}
	w.token = max(w.token, token)
	w.running[machine] = token
	if own {
		w.counts.Continued++
	} else {
		w.counts.Started++
	}
	w.say("machine %d: workload runs, token %d", machine, token)
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
