package mongolock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// memory is what a snapshot of a virtual machine keeps of a lease.
type memory struct {
	s        *Lease
	beat     int64
	deadline time.Duration
	marks    []sentMark
	seq      int64
}

// snapshot copies a lease as it stands in memory.
func snapshot(s *Lease) memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return memory{s, s.beat, s.deadline, slices.Clone(s.marks.sent), s.marks.seq}
}

// resume lets a copy live, as another process.
func (m memory) resume(l *Locker) *Lease {
	c := newLease(l, &request{key: m.s.key, timing: m.s.timing}, &attempt{nonce: m.s.nonce, owner: m.s.owner}, &document{Info: m.s.info})
	c.beat, c.deadline, c.counts = m.beat, m.deadline, true
	c.marks.sent, c.marks.seq = slices.Clone(m.marks), m.seq
	c.start()
	return c
}

// twins are a lease of the first process and its copy in the second.
func twins(t *testing.T, w *world) (one, two *Lease) {
	t.Helper()
	one = kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
	return one, snapshot(one).resume(w.locker(t, 1))
}

// freesNothing: a copy that ends learns that it is one, and the key stays the original's.
func freesNothing(t *testing.T, w *world, one, two *Lease) {
	t.Helper()
	lostWith(t, two.Release(t.Context()), LostTwin)
	if d := w.doc("key"); !d.Locked || d.nonce != one.nonce {
		t.Errorf("the copy freed the key of the original: %+v", d)
	}
}

// lostWith wants an error that says for which reason a lease is lost.
func lostWith(t *testing.T, err error, want LossReason) {
	t.Helper()
	var lost *LostError
	if !errors.As(err, &lost) || lost.Reason != want {
		t.Errorf("%v, want lost by %s", err, want)
	}
}

func lostBy(t *testing.T, name string, s *Lease, want LossReason) {
	t.Helper()
	lostWith(t, s.Err(), want)
	if s.Held() {
		t.Errorf("%s is held", name)
	}
}

// TestP5_TwinsBothLose: a virtual machine is cloned, or resumed from a snapshot, and two processes hold one lease.
// Their renewals have the same numbers, or one lags; each must find the other.
func TestP5_TwinsBothLose(t *testing.T) {
	for name, c := range map[string]struct{ copied, resumed time.Duration }{
		"at once, in step":         {0, 0},
		"between renewals":         {3 * time.Second, 3 * time.Second},
		"after renewals, in step":  {25 * time.Second, 25 * time.Second},
		"a little later":           {25 * time.Second, 28 * time.Second},
		"an old snapshot":          {11 * time.Second, 34 * time.Second},
		"one from the acquisition": {0, 24 * time.Second},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			a, b := w.locker(t, 0), w.locker(t, 1, func(o *Options) { o.Owner = "process-0" })
			one := kept(t)(a.Try(t.Context(), "key"))
			time.Sleep(c.copied)
			m := snapshot(one)
			time.Sleep(c.resumed - c.copied)
			if !one.Held() || m.deadline <= w.Now() {
				t.Fatal("this test shows nothing: one of them is not held")
			}
			two := m.resume(b)
			defer two.Leave()
			// Each finds the other's renewal at its own next one.
			time.Sleep(2*a.Timing().Heartbeat + time.Second)
			lostBy(t, "the original", one, LostTwin)
			lostBy(t, "the copy", two, LostTwin)
			lost := one.Err()

			// What one of them knows of its own work says nothing of the other's: the key runs out.
			before := w.doc("key")
			for name, s := range map[string]*Lease{"the original": one, "the copy": two} {
				if err := s.Release(t.Context()); !errors.Is(err, ErrLost) || !errors.As(err, new(*LostError)) {
					t.Errorf("%s released: %v, want %v", name, err, lost)
				}
			}
			if d := w.doc("key"); !d.Locked || d.nonce != one.nonce || d.beat != before.beat {
				t.Errorf("a twin gave the key back: %+v", d)
			}
			// And nobody adopts it, though the nonce is known.
			c, began := w.locker(t, 2), w.Now()
			kept(t)(c.Acquire(t.Context(), "key", Adopt(one.nonce)))
			if took := w.Now() - began; took < c.Timing().Silence() {
				t.Errorf("taken after %v, want one silence of %v", took, c.Timing().Silence())
			}
		})
	}
}

// TestP5_TwinDoesNotRelease: the work of one twin ends by itself before it has met the other.
func TestP5_TwinDoesNotRelease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		one, two := twins(t, w)
		must.Do(t, one.Renew(t.Context()))
		freesNothing(t, w, one, two)
	})
}

// TestP5_TwinThatCannotSaySo: a twin that lags has met the other, and what it writes of that is lost. Its own mark stands in the document.
func TestP5_TwinThatCannotSaySo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		one, two := twins(t, w)
		defer two.Leave()
		for range 3 {
			must.Do(t, one.Renew(t.Context()))
		}
		renewed := false
		w.on(func(c sentCall) fakemongo.Verdict {
			asks := c.Command == "findAndModify"
			lose := asks && (renewed || c.Process == 0) // the original's next renewal would say so as well
			renewed = renewed || asks && c.Process == 1
			return fakemongo.Verdict{LoseRequest: lose}
		})
		_ = two.Renew(t.Context())
		lostBy(t, "the copy", two, LostTwin)
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
		freesNothing(t, w, one, two)
	})
}

// TestP4_TwinsOfAnAcquisition: the copy is made while the acquire is under way, and only one of the two gets the answer.
func TestP4_TwinsOfAnAcquisition(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		one := kept(t)(a.Try(t.Context(), "key"))
		m := snapshot(one)
		must.Do(t, one.Renew(t.Context()))
		// What won does with the answer to a repeat.
		two := newLease(b, &request{key: "key", timing: m.s.timing}, &attempt{nonce: m.s.nonce, owner: m.s.owner}, &document{Info: m.s.info})
		two.marks.sent = m.marks
		lostWith(t, two.confirm(t.Context(), t.Context(), time.Hour), LostTwin)
		if d := w.doc("key"); !d.Locked {
			t.Error("given back")
		}
		lostWith(t, one.Renew(t.Context()), LostTwin)
	})
}

// TestP8_TwoAdoptersAtOnce: two processes have one nonce and only one gets the lease.
func TestP8_TwoAdoptersAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		old := must.Get(w.locker(t, 0).Try(t.Context(), "key"))(t)
		nonce := old.Nonce()
		old.Leave()
		type result struct {
			s   *Lease
			err error
		}
		results := make(chan result)
		for i := range 2 {
			l := w.locker(t, 1+i)
			go func() {
				s, err := l.Try(t.Context(), "key", Adopt(nonce))
				results <- result{s, err}
			}()
		}
		one, two := <-results, <-results
		if one.err != nil {
			one, two = two, one
		}
		kept(t)(one.s, one.err)
		if !errors.As(two.err, new(*HeldError)) {
			t.Errorf("%v, want held by the other", two.err)
		}
	})
}

// TestP9_TwinOfAPair: one key's twin is the other key's twin too.
func TestP9_TwinOfAPair(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		pair := must.Get(a.AcquireAlone(t.Context(), "k@1", "k"))(t)
		// The copy renews the run's key; that of the job it has not renewed yet.
		copied := snapshot(pair.Run).resume(b)
		defer copied.Leave()
		must.Do(t, copied.Renew(t.Context()))
		if err := pair.Run.Renew(t.Context()); !errors.Is(err, ErrLost) {
			t.Fatal(err)
		}
		<-pair.Done()
		lostWith(t, pair.Finish(t.Context(), 0), LostTwin)
		if d := w.doc("k"); !d.Locked {
			t.Error("the job's key was given back although a twin runs under it")
		}
	})
}

// TestP5_OwnLateRenewalsAreNoTwin: requests that were given up arrive later, in any order, and the answers with them.
func TestP5_OwnLateRenewalsAreNoTwin(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict {
			switch c.N % 5 {
			case 0:
				return fakemongo.Verdict{RequestDelay: 25 * time.Second}
			case 1:
				return fakemongo.Verdict{LoseReply: true}
			case 3: // it shows what the one before has left, which was answered, and is overwritten by the time
				return fakemongo.Verdict{ReplyDelay: 5 * time.Second}
			}
			return fakemongo.Verdict{}
		})
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		ctx, cancel := context.WithCancel(t.Context())
		var beside sync.WaitGroup
		defer beside.Wait()
		defer cancel()
		for i := range 3 { // beside the lease's own
			beside.Go(func() {
				for ctx.Err() == nil {
					_ = lease.Renew(ctx)
					time.Sleep(time.Duration(i+1) * 700 * time.Millisecond)
				}
			})
		}
		time.Sleep(10 * time.Minute)
		if !lease.Held() {
			t.Error(lease.Err())
		}
		last := int64(0)
		for _, e := range w.cluster.Log() {
			beat := decode(e.After).beat
			if beat < last {
				t.Fatalf("the beat went back from %d to %d", last, beat)
			}
			last = beat
		}
		lease.mu.Lock()
		defer lease.mu.Unlock()
		if n := len(lease.marks.sent); n > maxMarks {
			t.Errorf("%d marks are kept", n)
		}
	})
}
