//go:build linux

package witness

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Environment variables that mark the processes of a workload.
const (
	EnvID  = "WITNESS_ID"
	EnvKey = "WITNESS_KEY"
)

// pause is the time between two looks at the table of processes. What is
// measured is late by at most two pauses and two looks.
const pause = 20 * time.Millisecond

// Observer looks at the table of processes on behalf of all who wait for the
// end of a workload: one walk for all of them. Nothing is looked at while nobody waits.
type Observer struct {
	clock gate.Clock
	quit  chan struct{}
	loop  sync.WaitGroup

	mu      sync.Mutex
	waiting map[*wait]struct{}
	more    chan struct{}
}

// wait is one who waits for the end of a workload.
type wait struct {
	id    string
	began time.Duration
	alive time.Duration // the start of the last look that showed it
	empty int           // looks in a row that did not
	gone  chan time.Duration
}

// NewObserver looks at nothing yet. Close it.
func NewObserver() *Observer {
	o := &Observer{
		clock: gate.BootClock(), quit: make(chan struct{}),
		waiting: map[*wait]struct{}{}, more: make(chan struct{}, 1),
	}
	o.loop.Go(o.run)
	return o
}

// Close ends the looking. Who still waits is not answered, except by its context.
func (o *Observer) Close() {
	close(o.quit)
	o.loop.Wait()
}

// AwaitGone returns once the table of processes has shown nothing of a
// workload twice in a row, and writes so to log. The instant is that of the second look's end.
// A workload that has not begun counts as gone: call it for one that has.
func (o *Observer) AwaitGone(ctx context.Context, log *Log, key, id string) (time.Duration, error) {
	w := &wait{id: id, began: o.clock.Now(), gone: make(chan time.Duration, 1)}
	o.mu.Lock()
	o.waiting[w] = struct{}{}
	o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	select {
	case at := <-w.gone:
		return at, log.Write(Entry{At: at, Event: Gone, Key: key, ID: id, Alive: w.alive})
	case <-ctx.Done():
		o.mu.Lock()
		delete(o.waiting, w)
		o.mu.Unlock()
		return 0, fmt.Errorf("waiting for the end of %s: %w", id, context.Cause(ctx))
	case <-o.quit:
		return 0, fmt.Errorf("waiting for the end of %s: the observer was closed", id)
	}
}

func (o *Observer) run() {
	for {
		o.mu.Lock()
		idle := len(o.waiting) == 0
		o.mu.Unlock()
		if idle {
			select {
			case <-o.more:
			case <-o.quit:
				return
			}
		}
		o.look()
		select {
		case <-time.After(pause):
		case <-o.quit:
			return
		}
	}
}

// look walks the table once. A walk is no snapshot: who forks at the right
// moment may be missed by one, hence two.
func (o *Observer) look() {
	began := o.clock.Now()
	there, err := alive()
	ended := o.clock.Now()
	if err != nil {
		return // no walk: nobody is told anything
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for w := range o.waiting {
		switch {
		case w.began > began: // it was not waiting yet
		case slices.Contains(there, w.id):
			w.alive, w.empty = began, 0
		default:
			if w.empty++; w.empty == 2 {
				w.gone <- ended
				delete(o.waiting, w)
			}
		}
	}
}

// alive are the workloads of which a process lives.
func alive() ([]string, error) {
	all, err := proctree.Scan()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range all {
		if !p.Alive() {
			continue
		}
		// Errors: it has ended, or its environment is not ours to read; see the package comment.
		if id, ok, err := p.Getenv(EnvID); err == nil && ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Processes are the living processes of a workload, the caller left out.
func Processes(id string) ([]proctree.Process, error) { return proctree.Marked(EnvID, id) }

// beside are the other workloads of a key that live now.
func beside(key, id string) ([]string, error) {
	all, err := proctree.Marked(EnvKey, key)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range all {
		if other, ok, err := p.Getenv(EnvID); err == nil && ok && other != id && !slices.Contains(ids, other) {
			ids = append(ids, other)
		}
	}
	return ids, nil
}
