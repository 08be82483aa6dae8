// Package observer is a queue in front of a function that is told what happens, so that a slow one holds nobody up.
//
// Promised: [Queue.Tell] never waits, values come in their order, and a gap is told in its place. Not promised: that an
// observer which takes too long hears of everything: at most [Size] values wait. The package imports the standard library only.
package observer

import (
	"sync"
	"time"
)

const (
	// Size is how much waits for an observer at most. At the default heartbeat a lease fills it in more than an hour.
	Size = 1024
	// FlushWithin is how long the end of a gate or a Locker waits for its observer.
	FlushWithin = time.Second
)

// Queue hands what happens to an observer: one after the other, in their order, from a goroutine that is there
// only while there is something to tell. Nobody who tells waits for the observer, so that one that blocks holds up no
// renewal, no loss and no end, and one that calls back waits for nobody who waits for it.
type Queue[T any] struct {
	observe func(value T, missing int) // nil: nobody is told

	mu      sync.Mutex
	waiting []T
	missing int    // before the first that waits
	total   uint64 // of all time
	busy    bool
	idle    chan struct{} // closed at the end of being busy; nil where nobody waits for it
}

// New makes a queue for an observer, which is told with each value how many
// before it were dropped, for it had not taken those before them. A nil observer is told nothing.
func New[T any](observe func(value T, missing int)) *Queue[T] {
	return &Queue[T]{observe: observe}
}

// Tell queues a value, and does not wait. Where too much waits the oldest goes: the newest say how things are.
func (q *Queue[T]) Tell(value T) {
	if q.observe == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == Size {
		q.waiting[0] = *new(T)
		q.waiting = q.waiting[1:]
		q.missing++
		q.total++
	}
	q.waiting = append(q.waiting, value)
	if !q.busy {
		q.busy = true
		go q.run()
	}
}

// run tells until nothing waits. It belongs to the observer, which alone can hold it up.
func (q *Queue[T]) run() {
	ended := false
	defer func() {
		if !ended { // the observer has ended this goroutine (runtime.Goexit); what waits is told all the same
			go q.run()
		}
	}()
	for {
		value, missing, more := q.next()
		if ended = !more; ended {
			return
		}
		q.observe(value, missing)
	}
}

func (q *Queue[T]) next() (value T, missing int, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy, q.waiting = false, nil
		if q.idle != nil {
			close(q.idle)
			q.idle = nil
		}
		return value, 0, false
	}
	value, q.waiting[0] = q.waiting[0], value
	q.waiting = q.waiting[1:]
	missing, q.missing = q.missing, 0
	return value, missing, true
}

// Flush waits until everything has been told, but no longer than within.
func (q *Queue[T]) Flush(within time.Duration) {
	q.mu.Lock()
	if !q.busy {
		q.mu.Unlock()
		return
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	q.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// Dropped is how many values were never told.
func (q *Queue[T]) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}
