package observer_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/observer"
	"github.com/mongogate/mongogate/test/bubble"
)

// TestQueue: in their order, as far as there is room; what is missing is said in its place.
func TestQueue(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		type told struct{ value, missing int }
		var got []told
		flow := make(chan struct{})
		q := observer.New(func(value, missing int) {
			<-flow
			got = append(got, told{value, missing})
		})
		const more = 10
		for i := range observer.Size + 1 + more {
			q.Tell(i)
			if i == 0 {
				bubble.Wait() // it has taken the first, and stands
			}
		}
		if q.Dropped() != more {
			t.Errorf("%d dropped, want %d", q.Dropped(), more)
		}
		begun := time.Now()
		q.Flush(time.Second)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("a flush before an observer that stands took %v", took)
		}
		close(flow)
		q.Flush(time.Second)
		if len(got) != observer.Size+1 || got[0] != (told{0, 0}) || got[1] != (told{more + 1, more}) || got[2] != (told{more + 2, 0}) {
			t.Errorf("told %d, first %v", len(got), got[:3])
		}
	})
}

// TestQueueOutlivesItsGoroutine: t.FailNow in an observer ends it.
func TestQueueOutlivesItsGoroutine(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var told atomic.Int32
		q := observer.New(func(int, int) {
			told.Add(1)
			runtime.Goexit()
		})
		for i := range 3 {
			q.Tell(i)
		}
		bubble.Wait()
		if told.Load() != 3 {
			t.Errorf("told %d of 3", told.Load())
		}
	})
}

// TestQueueOfNobody: without an observer nothing is kept.
func TestQueueOfNobody(t *testing.T) {
	q := observer.New[int](nil)
	for i := range 2 * observer.Size {
		q.Tell(i)
	}
	q.Flush(time.Hour)
	if q.Dropped() != 0 {
		t.Errorf("%d dropped", q.Dropped())
	}
}
