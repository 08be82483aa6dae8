package mongolock

import (
	"context"
	"errors"
)

// With waits for the key, holds it while f runs, and releases it when f has returned. It waits until ctx ends, or
// for as long as [Within] says; with Within(0) it looks once. The
// context that f is given ends when the lease is lost, with the loss as its
// cause: f must stop within the kill budget. The error is f's, or why f did not run
// (as [Locker.Acquire] says it), or the loss.
//
// The key is given back whatever became of ctx, and also where f panics. Where the store does not answer, With asks until the lease is over ([Lease.Finish]).
func (l *Locker) With(ctx context.Context, key string, f func(ctx context.Context) error, opts ...AcquireOption) (err error) {
	lease, err := l.Acquire(ctx, key, opts...)
	if err != nil {
		return err
	}
	work, stop := lease.Context(ctx)
	defer stop()
	defer func() {
		lost := lease.Err()
		if released := lease.Release(context.WithoutCancel(ctx)); lost == nil {
			lost = released
		}
		err = errors.Join(err, lost)
	}()
	if !lease.Held() {
		return lease.overdue()
	}
	return f(work)
}
