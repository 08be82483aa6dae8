package mongolock

import (
	"context"
	"fmt"
	"time"
)

// A call that is cut short is carried out all the same, or not: nobody knows. So the calls of an acquisition are not
// ended with the caller's context: the one in flight is left to end, within its own deadline, and what it got is given
// back. The caller waits for that for a moment (patience); what takes longer goes on in the background, and Close waits for it.

// patience is how long a caller whose context has ended waits for the store.
func (l *Locker) patience(t Timing) time.Duration { return min(t.Operation, 2*time.Second) }

// enter counts one more of those for whom Close waits; the caller ends it with wait.Done. It is false once the Locker is closed.
func (l *Locker) enter() bool {
	l.entering.Lock()
	defer l.entering.Unlock()
	if l.life.Err() != nil {
		return false
	}
	l.wait.Add(1)
	return true
}

// answered is what an acquisition came to.
type answered struct {
	lease *Lease
	doc   *document
	err   error
}

// attempt is one acquisition under one nonce, whose calls do not end with ctx: a lease that comes when ctx has ended is given back. It
// returns the lease; or the document that refuses it; or an error after which the nonce has been given up.
func (l *Locker) attempt(ctx context.Context, r *request) (*Lease, *document, error) {
	a, err := l.prepare(r)
	if err != nil {
		return nil, nil, err
	}
	if !l.enter() {
		return nil, nil, fmt.Errorf("acquiring lock %q: %w", r.key, ErrClosed)
	}
	defer l.wait.Done()
	if ctx.Done() == nil {
		lease, doc, err := l.send(ctx, ctx, r, a, func(answered) {})
		return l.inTime(ctx, r, answered{lease, doc, err})
	}
	call, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	answer, gone := make(chan answered), make(chan struct{})
	l.pending.add()
	l.wait.Add(1)
	go l.send(ctx, call, r, a, func(got answered) { //nolint:errcheck // it is handed over
		defer l.wait.Done()
		defer l.pending.done()
		select {
		case answer <- got:
		case <-gone:
			if got.lease != nil {
				l.giveBack(call, got.lease)
			}
		}
	})
	select {
	case a := <-answer:
		return l.inTime(ctx, r, a)
	case <-ctx.Done():
	case <-l.life.Done():
	}
	// The call is cut only to learn from the driver what it was waiting for.
	for _, wait := range []time.Duration{l.patience(r.timing), cutsWithin} {
		patience := time.NewTimer(wait)
		select {
		case a := <-answer:
			patience.Stop()
			return l.inTime(ctx, r, a)
		case <-patience.C:
			cut()
		}
	}
	close(gone)
	return nil, nil, fmt.Errorf("acquiring lock %q: %w: %w", r.key, ErrUnknown, l.ended(ctx))
}

// cutsWithin is how long the driver has to return from a call that is cut.
const cutsWithin = 500 * time.Millisecond

// inTime gives back a lease that came when nobody wanted it any more.
func (l *Locker) inTime(ctx context.Context, r *request, a answered) (*Lease, *document, error) {
	cause := l.ended(ctx)
	if a.lease == nil || cause == nil {
		return a.lease, a.doc, a.err
	}
	l.giveBack(ctx, a.lease)
	return nil, nil, fmt.Errorf("acquiring lock %q: %w", r.key, cause)
}

// giveBack releases a lease under which nothing was begun, and waits for that for a moment. One that was adopted is left: what
// an earlier acquisition has begun may be going on. The caller is one whom Close waits for.
func (l *Locker) giveBack(ctx context.Context, s *Lease) {
	if s.adopted {
		s.Leave()
		return
	}
	end := context.WithoutCancel(ctx)
	l.beside(end, s.timing, func() { _ = s.Release(end) }) // its failures are told, and it runs out by itself
}

// giveUp undoes what may still come of an acquisition that was last sent at
// sent and not acknowledged. What arrives later than this is a ghost that costs others one ttl + grace, and so does
// one that may have adopted a lease: what an earlier acquisition has begun may be going on.
func (l *Locker) giveUp(call context.Context, r *request, a *attempt, known []int64, sent time.Duration) {
	if len(a.adopt) > 0 {
		return
	}
	e, try := &ending{nonce: a.nonce, known: known}, int64(0)
	number := func() int64 { try++; return try }
	end := context.WithoutCancel(call)
	l.beside(call, r.timing, func() {
		for tries := 0; ; tries++ {
			there, err := l.finishUntil(end, r.key, e, number, r.timing, sent+r.timing.Silence())
			// Without a trace of it, a request that was cut may still be on its way.
			if there || err != nil || l.opts.Clock.Now() >= sent+r.timing.Operation {
				return
			}
			sleep(end, backoff(tries, r.timing), nil)
		}
	})
}

// beside does what Close waits for and its caller only for a moment, which ends with call.
func (l *Locker) beside(call context.Context, t Timing, do func()) {
	done := make(chan struct{})
	l.pending.add()
	l.wait.Go(func() {
		defer l.pending.done()
		defer close(done)
		do()
	})
	patience := time.NewTimer(l.patience(t))
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-call.Done():
	}
}
