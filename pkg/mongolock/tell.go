package mongolock

import "github.com/mongogate/mongogate/pkg/observer"

// telling is the queue before the observer, which is told of a gap in its place.
func telling(observe func(Event)) *observer.Queue[Event] {
	if observe == nil {
		return observer.New[Event](nil)
	}
	return observer.New(func(e Event, missing int) {
		defer observe(e) // also where the observer ends its goroutine when it is told of the gap
		if missing > 0 {
			observe(Event{Kind: EventDropped, Dropped: missing})
		}
	})
}

// Dropped is how many events were never told, because the observer had not taken those before them.
func (l *Locker) Dropped() uint64 { return l.told.Dropped() }

func (l *Locker) tell(e Event) { l.told.Tell(e) }
