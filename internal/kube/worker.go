package kube

import (
	"context"
	"sync"
	"time"
)

// worker is the one goroutine of a feature.
type worker struct {
	wake chan struct{}
	done chan struct{}
	quit context.CancelFunc
	once sync.Once
}

func (w *worker) begin(run func(context.Context)) {
	ctx, quit := context.WithCancel(context.Background())
	w.wake, w.done, w.quit = make(chan struct{}, 1), make(chan struct{}), quit
	go func() {
		defer close(w.done)
		run(ctx)
	}()
}

// poke ends a sleep, the next one if there is none.
func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// sleep waits until it is poked, or for a while if that is not zero. It is false at the end.
func (w *worker) sleep(ctx context.Context, d time.Duration) bool {
	var after <-chan time.Time
	if d > 0 {
		after = time.After(d)
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.wake:
	case <-after:
	}
	return ctx.Err() == nil
}

// cutOff is how long a call that was cut off may take to notice. It does so at once, unless it reads a file of a file system that hangs.
const cutOff = time.Second

// end leaves the goroutine some time to end by itself, cuts its call off, and waits for it, but not for a file.
func (w *worker) end(within time.Duration) {
	w.once.Do(func() {
		w.poke()
		select {
		case <-w.done:
		case <-time.After(within):
		}
		w.quit()
		select {
		case <-w.done:
		case <-time.After(cutOff):
		}
	})
}

// pause is what passes after the n-th failure in a row, from one on.
func pause(n int, first, most time.Duration) time.Duration {
	return min(first<<min(n-1, 16), most)
}
