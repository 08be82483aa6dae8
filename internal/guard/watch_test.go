//go:build linux

package guard

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// frozenClock stands still for us and not for the others: at one of its readings
// the guard has been frozen until past the deadline that it knows, and the gate has renewed meanwhile.
type frozenClock struct {
	now      time.Duration
	readings int
	at       int
	renew    func()
}

func (c *frozenClock) Now() time.Duration {
	if c.readings++; c.readings == c.at {
		c.renew()
		c.now += 11 * time.Second
	}
	return c.now
}

// Wherever the guard is frozen, the renewal that was told meanwhile is read before the lease is judged.
func TestFrozenBetweenReadingAndJudging(t *testing.T) {
	shown := 0
	for at := 1; ; at++ {
		controlIn, control := nonBlockingPipe(t)
		statusIn, status := nonBlockingPipe(t)
		tell := func(seq uint64, deadline time.Duration) {
			if err := send(control, record{Kind: kindDeadline, Seq: seq, Value: int64(deadline)}); err != nil {
				t.Fatal(err)
			}
		}
		clock := &frozenClock{at: at, renew: func() { tell(2, 20*time.Second) }}
		w := &watch{control: int32(controlIn), children: -1, status: status, clock: clock, stop: newStop(3 * time.Second), starting: true}
		tell(1, 10*time.Second)
		for range 3 {
			now := clock.Now()
			w.listen(now)
			w.act(now)
			w.sleep(now, true) // for a millisecond at the most
		}
		if w.stop.lost {
			t.Errorf("frozen at reading %d of the clock: judged without the renewal that had been told", at)
		}
		_, _ = drain(statusIn)
		unix.Close(control)
		unix.Close(status)
		if clock.readings < at {
			break // the clock is not read that often
		}
		shown++
	}
	if shown < 3 {
		t.Errorf("frozen at %d readings only", shown)
	}
}
