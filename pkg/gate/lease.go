package gate

import (
	"context"
	"time"
)

// Outcome says how a lease ends in the store.
type Outcome int

const (
	// Unbegun says that nothing was begun under the lease. A lock that has taken up the lease of an earlier gate, beside
	// which something may run, leaves it to run out; any other gives it back.
	Unbegun Outcome = iota
	// Succeeded records that the run of this key is done. A lock without buckets just gives the key back.
	Succeeded
	// Failed records that the run ended without success; what follows is the lock's policy.
	Failed
)

// Lock obtains leases. It is what the gate needs of a lock in a store, or of
// another gate's lease file.
type Lock interface {
	// Acquire blocks until the lock is held, ctx ends, or it is certain that
	// the lock is not to be waited for. Every error but ctx's own is final.
	Acquire(ctx context.Context) (Lease, error)
}

// Lease is a held lock that renews itself.
type Lease interface {
	// Key is the name of what is locked.
	Key() string
	// Token is the fencing token of this acquisition. It is larger than that of every earlier holder.
	Token() int64
	// Deadline is the instant on the gate's clock after which the workload
	// must be being stopped. It counts from before the last acknowledged
	// request was sent and already keeps back the kill budget and the drift
	// margin. It never moves backwards.
	Deadline() time.Duration
	// Renewed receives (capacity one) after Deadline has moved.
	Renewed() <-chan struct{}
	// Done is closed when the lease is definitely lost or finished.
	Done() <-chan struct{}
	// Err says why, once Done is closed; nil before.
	Err() error
	// Finish ends the lease in the store. The caller has evidence that no
	// process of the workload is left, or has begun none ([Unbegun]). It is called at most once, after
	// losses too, and returns when the store has acknowledged it or ctx ends.
	Finish(ctx context.Context, outcome Outcome) error
}

// Grant is what a workload is started with.
type Grant struct {
	Key      string
	Token    int64
	Deadline time.Duration
}

// Ended is the evidence that no process of the workload is left.
type Ended struct {
	// Code is what the workload's exit means to a shell: its exit code, or 128+n for signal n.
	Code int
	// Unasked is true where the workload ended although no stop signal had
	// been sent or forwarded to it.
	Unasked bool
	// Err is set where the workload could not be started at all.
	Err error
}

// Workload is what runs only while the gate is open, together with whatever
// watches over it. No method blocks for longer than a system call.
type Workload interface {
	// Start lets the workload run. It is called once per lease; what goes wrong later arrives by Gone or Broken.
	Start(Grant)
	// Extend tells the workload's watchers of a later deadline.
	Extend(deadline time.Duration)
	// Warn writes what the workload may read to learn that the lease is lost
	// (the sentinel). The channel is closed when that is done; nil means there is nothing to wait for.
	Warn(reason string) <-chan struct{}
	// Terminate asks every process of the workload to end (SIGTERM).
	Terminate()
	// Kill ends every process of the workload (SIGKILL), again and again until none is left.
	Kill()
	// Broken receives when the protection itself has failed: the guard has died or no longer confirms.
	Broken() <-chan error
	// Gone receives once, when it is certain that no process of the workload of the last Start is left.
	Gone() <-chan Ended
}
