package mongolock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// AnyLease is what a caller holds: one [Lease], or a [Pair]. Its name is not that of a method: a struct that embeds it keeps them all.
type AnyLease interface {
	// Key is the name of what is locked, Token the fencing token of this acquisition.
	Key() string
	Token() int64
	// Deadline is the instant on the Locker's clock at which the work must begin to stop. It never moves backwards.
	Deadline() time.Duration
	// Renewed receives (capacity one) after Deadline has moved.
	Renewed() <-chan struct{}
	// Done is closed when the lease is lost or finished; then Err says why.
	Done() <-chan struct{}
	Err() error
	// Finish ends the lease in the store. The caller has evidence that the work has ended.
	Finish(ctx context.Context, outcome Outcome) error
	// Held is true while the lease may be relied on, computed at the moment of asking.
	Held() bool
	// Adopted is true where something may be going on under it that an earlier acquisition has begun.
	Adopted() bool
	// Leave stops renewing and gives nothing back: somebody else adopts the lease.
	Leave()
}

// Pair is the lease of a bucket together with that of its job, so that no two
// buckets of the job run at once. It is held until the earlier of the two
// deadlines, and lost when either is.
type Pair struct {
	// Run is the bucket's lease, Job that of the job as a whole.
	Run, Job *Lease

	renewed chan struct{}
	done    context.Context //nolint:containedctx // the pair's own life
	end     context.CancelCauseFunc
	loop    sync.WaitGroup
}

var _ AnyLease = (*Pair)(nil)

// AcquireAlone acquires key and, before it, job, so that runs of the same job
// never overlap: run N+1 waits for run N, wherever it is. A key that is done
// is seen before anything is waited for. The job's key is always waited for,
// never a reason to skip.
func (l *Locker) AcquireAlone(ctx context.Context, key, job string, opts ...AcquireOption) (*Pair, error) {
	r, err := l.request(key, opts)
	if err := errors.Join(err, CheckKey(job), distinct(key, job)); err != nil {
		return nil, err
	}
	ctx, stop := r.waiting(ctx) // for both together
	defer stop()
	if r.limit > 0 {
		r.limit = forEver
	}
	j := &request{key: job, timing: r.timing, may: r.may, adopt: r.adopt, onNonce: r.onNonce, alone: r.alone, limit: r.limit}
	if !l.enter() { // what was acquired first is given back before Close ends the client
		return nil, fmt.Errorf("acquiring lock %q: %w", job, ErrClosed)
	}
	defer l.wait.Done()
	if err := l.already(ctx, r); err != nil {
		return nil, err
	}
	for {
		first, err := l.acquire(ctx, j)
		if err != nil {
			return nil, err
		}
		// Waiting for the run ends when the job's lease does.
		both, stop := first.Context(ctx)
		second, err := l.acquire(both, r)
		stop()
		if err == nil {
			return newPair(second, first).handOut(ctx, l)
		}
		lost := errors.Is(first.Err(), ErrLost)
		if errors.As(err, new(*DoneError)) {
			first.adopted = false // the run under which an earlier acquisition held it has ended
		}
		if l.giveBack(ctx, first); !lost || l.ended(ctx) != nil {
			return nil, err
		}
		// The job's key was lost while the run's was waited for: nothing had begun, so both are waited for again.
	}
}

func newPair(run, job *Lease) *Pair {
	p := &Pair{Run: run, Job: job, renewed: make(chan struct{}, 1)}
	p.done, p.end = context.WithCancelCause(context.Background())
	p.loop.Go(p.follow)
	return p
}

// already returns a [*DoneError] where the run is done.
func (l *Locker) already(ctx context.Context, r *request) error {
	for tries := 0; ; tries++ {
		d, err := l.look(ctx, r.key)
		switch {
		case err == nil:
			_, err = l.judge(&request{key: r.key}, d)
			return err
		case refused(err):
			return err
		}
		sleep(ctx, backoff(tries, l.opts.Timing), nil)
		if cause := l.ended(ctx); cause != nil {
			return &WaitError{Key: r.key, Store: err, Cause: cause}
		}
	}
}

func (p *Pair) follow() {
	for {
		select {
		case <-p.done.Done():
			return
		case <-p.Run.Done():
			p.end(p.Run.Err())
			return
		case <-p.Job.Done():
			p.end(p.Job.Err())
			return
		case <-p.Run.Renewed():
		case <-p.Job.Renewed():
		}
		select {
		case p.renewed <- struct{}{}:
		default:
		}
	}
}

// Key is the bucket's.
func (p *Pair) Key() string { return p.Run.Key() }

// Token is that of the job's key: it grows from run to run.
func (p *Pair) Token() int64 { return p.Job.Token() }

// Deadline is the earlier of the two.
func (p *Pair) Deadline() time.Duration { return min(p.Run.Deadline(), p.Job.Deadline()) }

// Held is true while both are.
func (p *Pair) Held() bool { return p.Run.Held() && p.Job.Held() }

// Adopted is true where either lease may be that of an earlier acquisition; see [Lease.Adopted].
func (p *Pair) Adopted() bool { return p.Run.Adopted() || p.Job.Adopted() }

// Renewed receives (capacity one) after one of the deadlines has moved.
func (p *Pair) Renewed() <-chan struct{} { return p.renewed }

// Done is closed when either lease is lost or finished.
func (p *Pair) Done() <-chan struct{} { return p.done.Done() }

// Err is the error of the lease that ended first.
func (p *Pair) Err() error { return context.Cause(p.done) }

// Finish ends the run's lease with its outcome and then releases the job's:
// who comes next for the job finds the run's record. See [Lease.Finish].
func (p *Pair) Finish(ctx context.Context, outcome Outcome) error {
	p.Leave() // both are over at about the same time then, and so is this
	if twin := errors.Join(p.Run.twin(), p.Job.twin()); twin != nil {
		return twin // it has the other key too, and runs under it
	}
	return errors.Join(p.Run.Finish(ctx, outcome), p.Job.Finish(ctx, Released))
}
