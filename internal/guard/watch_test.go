//go:build linux

package guard

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
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
			must.Do(t, send(control, record{Kind: kindDeadline, Seq: seq, Value: int64(deadline)}))
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

func nonBlockingPipe(t *testing.T) (in, out int) {
	t.Helper()
	var ends [2]int
	must.Do(t, unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	t.Cleanup(func() { unix.Close(ends[0]) })
	return ends[0], ends[1]
}

// A guard that does not read must not stop the gate, and what does arrive is whole and in order.
func TestSendNeverBlocks(t *testing.T) {
	in, out := nonBlockingPipe(t)
	sent := 0
	var err error
	for ; err == nil; sent++ {
		err = send(out, record{Kind: kindDeadline, Seq: uint64(sent + 1), Value: -int64(sent)})
	}
	sent--
	if !errors.Is(err, unix.EAGAIN) || sent < 1000 {
		t.Fatalf("%v after %d records, want a full pipe", err, sent)
	}
	unix.Close(out)
	records, err := drain(in)
	if !errors.Is(err, io.EOF) {
		t.Errorf("drain: %v, want the end of the file", err)
	}
	if len(records) != sent {
		t.Fatalf("%d records arrived of %d", len(records), sent)
	}
	for i, r := range records {
		if r != (record{Kind: kindDeadline, Seq: uint64(i + 1), Value: -int64(i)}) {
			t.Fatalf("record %d is %+v", i, r)
		}
	}
}

func TestDecodeRefusesTornRecords(t *testing.T) {
	if _, err := decode(make([]byte, recordSize+1)); err == nil {
		t.Error("no error")
	}
}
