//go:build linux

package agent

import (
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// recorder writes the lease file of a state directory as a workload is
// started, its deadline moves and the gate shuts. A file system that hangs
// holds up the file, never the workload: the newest state is written by a goroutine.
type recorder struct {
	gate.Workload
	write  func(statedir.Lease) error
	owner  string
	budget time.Duration
	warn   func(error)

	gone chan gate.Ended // the workload's, once the file says that the gate is shut

	mu    sync.Mutex
	lease statedir.Lease
	// starting: a workload waits for the file, and what keeps it from being written is told when it runs.
	starting bool
	failed   error
	dirty    chan chan struct{} // receives what is to be closed once the newest state is written
	quit     chan struct{}
	loop     sync.WaitGroup
}

// newRecorder puts a recorder before a workload. Close it when the gate has ended.
func newRecorder(w gate.Workload, dir *statedir.Dir, owner string, killBudget time.Duration, warn func(error)) *recorder {
	r := &recorder{Workload: w, write: dir.WriteLease, owner: owner, budget: killBudget, warn: warn, gone: make(chan gate.Ended, 1), dirty: make(chan chan struct{}, 1), quit: make(chan struct{})}
	r.loop.Go(r.run)
	r.loop.Go(r.pass)
	return r
}

// Start writes the file first, so that the workload finds it.
func (r *recorder) Start(g gate.Grant) {
	l := statedir.Lease{Key: g.Key, Holder: r.owner, Token: g.Token, Deadline: g.Deadline, KillBudget: r.budget, Open: true}
	r.mu.Lock()
	r.starting, r.failed = true, nil
	r.mu.Unlock()
	written := r.set(func(old *statedir.Lease) { *old = l })
	select {
	case <-written:
	case <-time.After(r.budget / 4): // a file system that hangs: the workload does without the file
	}
	r.Workload.Start(g)
	r.mu.Lock()
	failed := r.failed
	r.starting, r.failed = false, nil
	r.mu.Unlock()
	if failed != nil { // not before: what has not begun cannot be lost
		r.loop.Go(func() { r.warn(failed) })
	}
}

// Extend passes the deadline on and writes it.
func (r *recorder) Extend(deadline time.Duration) {
	r.Workload.Extend(deadline)
	r.set(func(l *statedir.Lease) { l.Deadline = deadline })
}

// Warn writes that the gate is shut, beside the workload's own sentinel. The channel is closed when both are done.
func (r *recorder) Warn(reason string) <-chan struct{} {
	inner, own := r.Workload.Warn(reason), r.shut()
	both := make(chan struct{})
	r.loop.Go(func() {
		defer close(both)
		for _, c := range []<-chan struct{}{inner, own} {
			if c == nil {
				continue
			}
			select {
			case <-c:
			case <-r.quit:
				return
			}
		}
	})
	return both
}

// Gone receives when nothing of the workload is left and the file says so, so
// that the lease is not given back while the file shows an open gate.
func (r *recorder) Gone() <-chan gate.Ended { return r.gone }

func (r *recorder) pass() {
	for {
		var ended gate.Ended
		select {
		case <-r.quit:
			return
		case ended = <-r.Workload.Gone():
		}
		select {
		case <-r.shut():
		case <-time.After(r.budget / 4):
		}
		select {
		case <-r.quit:
			return
		case r.gone <- ended:
		}
	}
}

func (r *recorder) shut() <-chan struct{} {
	return r.set(func(l *statedir.Lease) { l.Open = false })
}

// Close writes that the gate is shut, and ends the recorder.
func (r *recorder) Close() {
	select {
	case <-r.shut():
	case <-time.After(r.budget / 4):
	}
	close(r.quit)
	_ = within(r.budget/4, func() error { r.loop.Wait(); return nil }) // it may write to a file system that hangs
}

// set changes the newest state; the channel is closed once it, or a newer one, has been written.
func (r *recorder) set(change func(*statedir.Lease)) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.lease)
	select {
	case done := <-r.dirty: // not begun yet: it will write this state as well
		r.dirty <- done
		return done
	default:
		done := make(chan struct{})
		r.dirty <- done
		return done
	}
}

func (r *recorder) run() {
	for {
		select {
		case <-r.quit:
			return
		case done := <-r.dirty:
			r.mu.Lock()
			l := r.lease
			r.mu.Unlock()
			if l.Token != 0 {
				if err := r.write(l); err != nil && !r.later(err) {
					r.warn(err)
				}
			}
			close(done)
		}
	}
}

// later keeps what went wrong for Start, where that waits.
func (r *recorder) later(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.starting {
		r.failed = err
	}
	return r.starting
}
