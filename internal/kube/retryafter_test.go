package kube

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

// busy refuses calls with Retry-After, and notes when they came.
type busy struct {
	mu    sync.Mutex
	came  []time.Time
	times int // how many are refused
	after string
}

func (b *busy) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came = append(b.came, time.Now())
	if len(b.came) <= b.times {
		rw.Header().Set("Retry-After", b.after)
		http.Error(rw, `{"kind": "Status", "reason": "TooManyRequests", "message": "come again"}`, http.StatusTooManyRequests)
		return
	}
	_, _ = rw.Write([]byte("{}"))
}

// gaps is how long the calls left the server alone.
func (b *busy) gaps() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []time.Duration
	for i := 1; i < len(b.came); i++ {
		all = append(all, b.came[i].Sub(b.came[i-1]))
	}
	return all
}

// A call waits as it is asked to and is repeated, as long as it has time.
func TestRetryAfterWithinACall(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := &busy{times: 2, after: "1"}
		w := wired(t, b.ServeHTTP)
		if err := w.get(t); err != nil || !slices.Equal(b.gaps(), []time.Duration{time.Second, time.Second}) {
			t.Errorf("%v, after %v", err, b.gaps())
		}
	})
}

// Where it has not, it says at once what was answered.
func TestRetryAfterBeyondACall(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := &busy{times: 9, after: "1"}
		w := wired(t, b.ServeHTTP)
		began := time.Now()
		if err := w.get(t); codeOf(err) != http.StatusTooManyRequests || !answered(err, "TooManyRequests") || after(err) != time.Second {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took >= callTimeout || len(b.gaps()) != 2 {
			t.Errorf("%d repetitions in %v", len(b.gaps()), took)
		}
	})
}

// Then the feature waits, for some time.
func TestRetryAfterBetweenCalls(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{7 * time.Second: 7 * time.Second, 24 * time.Hour: maxAfter} {
		bubble.Test(t, func(t *testing.T) {
			b := &busy{times: 1, after: strconv.Itoa(int(asked.Seconds()))}
			w := wired(t, b.ServeHTTP)
			e := newEvents(w.client, w.log.told(), quick)
			bubble.Wait() // what is written later is news, and is tried at once
			e.Write(Event{Reason: "LockAcquired"})
			time.Sleep(time.Hour)
			if !slices.Equal(b.gaps(), []time.Duration{want}) {
				t.Errorf("Events, asked for %v: after %v", asked, b.gaps())
			}
			e.Close()

			b = &busy{times: 1, after: b.after}
			w.answer(b.ServeHTTP)
			l := newLabel(w.client, holder, w.log.told(), quick, 0)
			time.Sleep(time.Hour)
			if got := b.gaps(); len(got) == 0 || got[0] != want {
				t.Errorf("label, asked for %v: after %v", asked, got)
			}
			l.Close()

			b = &busy{times: 1, after: b.after}
			w.answer(b.ServeHTTP)
			s := newStatus(w.client, marker, w.log.told(), quick)
			time.Sleep(time.Hour)
			if !slices.Equal(b.gaps(), []time.Duration{want}) {
				t.Errorf("status, asked for %v: after %v", asked, b.gaps())
			}
			s.Close()
		})
	}
}

// A gate that ends, and a label that should go, do not wait for it.
func TestRetryAfterHoldsUpNobody(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := &busy{times: 1, after: "30"}
		w := wired(t, b.ServeHTTP)
		l := newLabel(w.client, holder, w.log.told(), quick, 0)
		bubble.Wait()
		began := time.Now()
		l.Set(true)
		bubble.Wait()
		if len(b.gaps()) < 1 || time.Since(began) > time.Second {
			t.Error("a change of the label waits for the API")
		}
		l.Close()

		b = &busy{times: 9, after: "30"}
		w.answer(b.ServeHTTP)
		e := newEvents(w.client, w.log.told(), quick)
		e.Write(Event{Reason: "LockReleased"})
		bubble.Wait()
		began = time.Now()
		e.Close()
		if took := time.Since(began); took > flushWithin+cutOff {
			t.Errorf("the end took %v", took)
		}
	})
}
