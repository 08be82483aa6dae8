package mongolock

import (
	"context"
	"fmt"
	"time"
)

// Outcome says how a lease ends in the store.
type Outcome int

const (
	// Released gives the key back for anyone to take.
	Released Outcome = iota
	// Succeeded leaves a record that the run of this key is done.
	Succeeded
	// Failed gives the key back, or leaves a record under [Options].FailedHold.
	Failed
)

// Release gives the key back; see [Lease.Finish]. The caller knows that the work has ended.
func (s *Lease) Release(ctx context.Context) error { return s.Finish(ctx, Released) }

// Finish ends the lease in the store, after a loss too: the caller has
// evidence that the work has ended. A run that succeeded, or failed under
// FailedHold, leaves a done record.
//
// It asks until the store acknowledges, until ctx ends, or until the lease is over for everybody anyway: ttl + grace
// after the last acknowledged renewal was sent. So ctx may be [context.Background]. A lease that is over already is
// asked for as long as two calls may take. The error is
// [ErrUnknown], or [ErrUnavailable], where the store has not acknowledged; [*LostError] says that it no longer had the lease.
func (s *Lease) Finish(ctx context.Context, outcome Outcome) error {
	s.Leave()
	if lost := s.twin(); lost != nil {
		return lost
	}
	if s.locker.enter() {
		defer s.locker.wait.Done()
	}
	s.mu.Lock()
	known := s.marks.known() // of which there are no more: nothing is renewed any longer
	s.mu.Unlock()
	e := &ending{nonce: s.nonce, known: known, purge: s.locker.opts.Keep, done: s.locker.record(outcome)}
	there, err := s.locker.finishUntil(ctx, s.key, e, s.nextEnding, s.timing, s.over())
	switch {
	case err != nil:
		return err
	case !there:
		return s.gone(ctx)
	}
	s.locker.tell(Event{Kind: EventFinished, Key: s.key, Token: s.token})
	s.locker.hint.wake(s.key) // who waits in this process need not wait for its next look
	return nil
}

// nextEnding numbers the requests over all calls of Finish: a number that has been written before would write nothing.
func (s *Lease) nextEnding() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endings++
	return s.endings
}

// over is when the lease is over for everybody who has watched it: an ending after that changes nothing for them, only
// for those who come later.
func (s *Lease) over() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.sent+s.timing.Silence(), s.locker.opts.Clock.Now()+2*s.timing.Operation)
}

// finishUntil asks until the store acknowledges, ctx ends, nothing can mend it, or the lease is over.
func (l *Locker) finishUntil(ctx context.Context, key string, e *ending, number func() int64, t Timing, over time.Duration) (there bool, err error) {
	within := t.Operation
	for tries := 0; ; tries++ {
		e.try = number()
		there, err = l.finish(ctx, within, key, e)
		if err == nil {
			return there, nil
		}
		l.tell(Event{Kind: EventUnknown, Key: key, Call: "finish", Err: err})
		if ctx.Err() != nil || endless(err) {
			return false, err
		}
		sleep(ctx, min(backoff(tries, t), over-l.opts.Clock.Now()), nil)
		left := over - l.opts.Clock.Now()
		if ctx.Err() != nil || left <= 0 {
			return false, err
		}
		within = min(t.Operation, left)
	}
}

// endless tells errors that no repetition of an ending mends. A right may come back within the lease, with new credentials.
func endless(err error) bool {
	return refused(err) && !Denied(err)
}

// finish is one request that ends a lease. false: the document shows no trace
// of the nonce, or somebody else has ended it otherwise than e does.
func (l *Locker) finish(ctx context.Context, within time.Duration, key string, e *ending) (bool, error) {
	c, err := l.encodeEnding(key, e, within)
	if err != nil {
		return false, fmt.Errorf("finishing lock %q: %w", key, err)
	}
	d, err := c.answer(l.store.Modify(ctx, c))
	if err != nil {
		return false, fmt.Errorf("finishing lock %q: %w", key, err)
	}
	return d != nil && (e.done == nil || d.State == stateDone), nil
}

// record is what a finished run leaves behind; nil for a release.
func (l *Locker) record(outcome Outcome) *Done {
	d := &Done{By: l.opts.Owner, JobUID: l.opts.Holder.JobUID}
	switch outcome {
	case Succeeded:
		d.Outcome = outcomeSucceeded
	case Failed:
		if !l.opts.FailedHold {
			return nil
		}
		d.Outcome = outcomeFailed
	case Released:
		return nil
	}
	return d
}
