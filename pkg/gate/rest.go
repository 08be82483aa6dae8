package gate

import (
	"context"
	"time"
)

// longestRest is the longest rest as a multiple of the first.
const longestRest = 16

// rest is how long a gate waits after a loss before it tries to get the lock
// again: others, who look for the lock from time to time, have a turn before it
// has, and a machine on which every hold is soon lost does not loop.
//
// It begins with Config.Rest and doubles with each loss that follows soon: a
// hold that was as long as the longest rest is a good one, and the next loss the first again.
type rest struct {
	first  time.Duration
	opened time.Duration
	losses int
}

func (r *rest) open(now time.Duration) { r.opened = now }

// after says how long to rest after a hold that was lost now, or that came too late to be used.
func (r *rest) after(now time.Duration) time.Duration {
	if now-r.opened >= longestRest*r.first {
		r.losses = 0
	}
	r.opened = now
	pause := r.first << r.losses
	if pause < longestRest*r.first {
		r.losses++
	}
	return pause
}

// take rests, unless asked ends.
func take(asked context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-asked.Done():
	case <-t.C:
	}
}
