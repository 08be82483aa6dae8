package mongolock

import (
	"context"
	"fmt"
)

// handOut is the last look at the clock before a lease becomes the caller's.
// Since the store's answer the process may have been frozen: a lease that is over is given back and is an error, never a value.
func (l *Locker) handOut(ctx context.Context, s *Lease) (*Lease, error) {
	if s.Held() {
		return s, nil
	}
	why := s.overdue()
	l.takeBack(ctx, s)
	return nil, fmt.Errorf("acquiring lock %q: the lease ended before it could be returned: %w", s.key, why)
}

// handOut is [Locker.handOut] for both leases.
func (p *Pair) handOut(ctx context.Context, l *Locker) (*Pair, error) {
	if p.Held() {
		return p, nil
	}
	dead := p.Run
	if dead.Held() {
		dead = p.Job
	}
	why := dead.overdue()
	p.Leave()
	l.takeBack(ctx, p.Run)
	l.takeBack(ctx, p.Job)
	return nil, fmt.Errorf("acquiring lock %q: the lease ended before it could be returned: %w", p.Key(), why)
}

// takeBack gives back what was not handed out, unless the Locker has been closed: then it runs out.
func (l *Locker) takeBack(ctx context.Context, s *Lease) {
	if l.enter() {
		defer l.wait.Done()
		l.giveBack(ctx, s)
	}
}

// overdue is why a lease is not held, which its watchdog may not have seen yet.
func (s *Lease) overdue() error {
	if s.Err() == nil {
		s.lose(&LostError{Key: s.key, Reason: LostDeadline})
	}
	return s.Err()
}
