package mongolock

import (
	"sync"
	"time"
)

// maxTold is how many events wait for the observer. At the default heartbeat a lease fills it in more than an hour.
const maxTold = 1024

// telling hands events to the observer: one after the other, in their order,
// from a goroutine that is there only while there is something to tell. Nobody
// who tells waits for the observer, so that one that blocks holds up no
// renewal, no loss, no release and no Close, and one that calls back into the Locker waits for nobody.
type telling struct {
	observe func(Event) // nil: nobody is told

	mu      sync.Mutex
	waiting []Event
	dropped int    // since the last EventDropped
	total   uint64 // of all time
	busy    bool
	idle    chan struct{} // closed at the end of being busy; nil where nobody waits for it
}

func (t *telling) tell(e Event) {
	if t.observe == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == maxTold {
		// The oldest goes: the newest say how things are.
		t.waiting[0] = Event{}
		t.waiting = t.waiting[1:]
		t.dropped++
		t.total++
	}
	t.waiting = append(t.waiting, e)
	if !t.busy {
		t.busy = true
		go t.run()
	}
}

// run tells until nothing waits. It belongs to the observer, which alone can hold it up.
func (t *telling) run() {
	ended := false
	defer func() {
		if !ended { // the observer has ended this goroutine (runtime.Goexit); what waits is told all the same
			go t.run()
		}
	}()
	for {
		e, more := t.next()
		if ended = !more; ended {
			return
		}
		t.observe(e)
	}
}

// next is what is told next: the gap, where there is one, in its place.
func (t *telling) next() (e Event, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.dropped > 0:
		e = Event{Kind: EventDropped, Dropped: t.dropped}
		t.dropped = 0
		return e, true
	case len(t.waiting) == 0:
		t.busy, t.waiting = false, nil
		if t.idle != nil {
			close(t.idle)
			t.idle = nil
		}
		return e, false
	}
	e, t.waiting[0] = t.waiting[0], Event{}
	t.waiting = t.waiting[1:]
	return e, true
}

// flush waits until everything has been told, but no longer than within.
func (t *telling) flush(within time.Duration) {
	t.mu.Lock()
	if !t.busy {
		t.mu.Unlock()
		return
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// Dropped is how many events were never told, because the observer had not taken those before them.
func (l *Locker) Dropped() uint64 {
	l.told.mu.Lock()
	defer l.told.mu.Unlock()
	return l.told.total
}

func (l *Locker) tell(e Event) { l.told.tell(e) }
