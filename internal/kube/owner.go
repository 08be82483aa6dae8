package kube

import (
	"context"
	"sync"
	"time"
)

// owner is the one goroutine of a feature.
type owner struct {
	wake chan struct{}
	done chan struct{}
	quit context.CancelFunc
	once sync.Once
}

func (o *owner) begin(run func(context.Context)) {
	ctx, quit := context.WithCancel(context.Background())
	o.wake, o.done, o.quit = make(chan struct{}, 1), make(chan struct{}), quit
	go func() {
		defer close(o.done)
		run(ctx)
	}()
}

// poke ends a sleep, the next one if there is none.
func (o *owner) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// sleep waits until it is poked, or for a while if that is not zero. It is false at the end.
func (o *owner) sleep(ctx context.Context, d time.Duration) bool {
	var after <-chan time.Time
	if d > 0 {
		after = time.After(d)
	}
	select {
	case <-ctx.Done():
		return false
	case <-o.wake:
	case <-after:
	}
	return ctx.Err() == nil
}

// cutOff is how long a call that was cut off may take to notice. It does so at once, unless it reads a file of a file system that hangs.
const cutOff = time.Second

// end leaves the goroutine some time to end by itself, cuts its call off, and waits for it, but not for a file.
func (o *owner) end(within time.Duration) {
	o.once.Do(func() {
		o.poke()
		select {
		case <-o.done:
		case <-time.After(within):
		}
		o.quit()
		select {
		case <-o.done:
		case <-time.After(cutOff):
		}
	})
}
