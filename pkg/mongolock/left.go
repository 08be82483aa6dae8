package mongolock

import (
	"context"
	"errors"
	"fmt"
)

// left says why a document is not as its lease left it: what a renewal found
// just before it was applied. The request was the lease's n-th; floor is the
// highest that had been acknowledged when it was sent. nil: all is as it was.
//
// A write by hand, a restored store and another process that renews the same
// nonce all show here, in the answer to the one command that a renewal is.
func (s *Lease) left(d *document, n, floor int64) *LostError {
	if what := s.changed(d); what != "" {
		return &LostError{Key: s.key, Reason: LostTaken, What: what}
	}
	if d.beat < floor {
		return &LostError{Key: s.key, Reason: LostTaken, What: fmt.Sprintf("its renewal %d was acknowledged and the document shows %d: the store has gone back to an older state", floor, d.beat)}
	}
	s.mu.Lock()
	largest, known := s.beat, s.marks.knows(d.mark)
	s.mu.Unlock()
	switch {
	case d.twin || d.beat == n || d.beat > largest || !known:
		return &LostError{Key: s.key, Reason: LostTwin}
	case d.Revoked:
		return &LostError{Key: s.key, Reason: LostRevoked}
	}
	return nil
}

// changed names the first field that somebody else has written.
func (s *Lease) changed(d *document) string {
	switch {
	case d.damaged:
		return d.problems[0]
	case d.v != Format:
		return fmt.Sprintf("v is %d", d.v)
	case !d.Locked:
		return "locked is false"
	case d.Owner != s.owner:
		return fmt.Sprintf("owner is %q", d.Owner)
	case d.Token != s.token:
		return fmt.Sprintf("token is %d, not %d", d.Token, s.token)
	case d.ttl.Milliseconds() != s.timing.TTL.Milliseconds() || d.grace.Milliseconds() != s.timing.Grace.Milliseconds():
		return fmt.Sprintf("ttl is %v and grace %v", d.ttl, d.grace)
	case !d.hasBeat || !d.hasMark:
		return "beat or mark is missing"
	// One renewal writes both, from one clock.
	case d.Touched.IsZero() || d.Expire.Sub(d.Touched).Milliseconds() != s.timing.Silence().Milliseconds():
		return "expire or touched is another"
	}
	return ""
}

// twin is the loss to a twin, if that is how the lease ended. Evidence that
// this process's work has ended says nothing of the twin's, so such a lease is
// not given back: it runs out.
func (s *Lease) twin() error {
	var lost *LostError
	if errors.As(s.Err(), &lost) && lost.Reason == LostTwin {
		return lost
	}
	return nil
}

// disown says in the document that two processes have the nonce, unless a
// renewal has done so already: neither adopts it, and the other loses it too. Should it fail, the
// other still finds this one's mark.
func (s *Lease) disown(ctx context.Context) {
	_, err := s.locker.change(context.WithoutCancel(ctx), disowning{s.nonce}.change(s.key, s.timing.Operation))
	if err != nil {
		s.locker.tell(Event{Kind: EventUnknown, Key: s.key, Token: s.token, Call: "disown", Err: err})
	}
}

// gone says why the document could not be finished: it shows another nonce, or a twin's renewal.
func (s *Lease) gone(ctx context.Context) error {
	lost := &LostError{Key: s.key, Reason: LostTaken}
	if d, err := s.locker.read(ctx, s.key); err == nil && d != nil && d.nonce == s.nonce && d.State == stateHeld {
		if lost.What = s.changed(d); lost.What == "" {
			lost.Reason = LostTwin
		}
	}
	return lost
}
