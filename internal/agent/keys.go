//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// keys is the key of a gate, or a bucket's key together with its job's, with the state directory by which a gate that
// comes back adopts its own lease.
//
// A nonce is in the state directory before it is sent, an adoption is tried only under the directory's flock, and while
// another process of this machine has that flock the key is watched but not tried. There is no adoption after a reboot,
// or without a state directory.
type keys struct {
	locker *mongolock.Locker
	// key is what is locked; job, if set, is the key that is held as well so that runs do not overlap.
	key, job string
	// runs is true where the key is that of one run, which is done once it has
	// succeeded. Otherwise every end is a release.
	runs bool
	// standBack says how long to wait before the lock is tried; nil: not at all.
	standBack func() time.Duration
	// once looks once instead of waiting.
	once bool
	// skipIfHeld returns once it is proved that another run does the work.
	skipIfHeld bool
	// abandoned, if set, is the prefix of the job's buckets, of which those that nobody has renewed for keep are marked for removal.
	abandoned string
	keep      time.Duration
	// dir keeps the nonces; nil: no adoption.
	dir *statedir.Dir
	// warn is told of what goes wrong beside the lock.
	warn func(err error)
	// waits, if set, is told what is waited for on this machine, when that changes: a busyError.
	waits func(err error)

	mu sync.Mutex
	// busy is why the lock is not tried on this machine now, nil where it is; said is the last thing that was told of that.
	busy error
	said string

	suitable bool // the collection, as far as can be seen
}

// acquire waits for the lock, or looks once.
func (k *keys) acquire(ctx context.Context) (got mongolock.AnyLease, err error) {
	ask := ctx
	if k.once { // for as long as a lease lives where the store does not answer
		var cancel context.CancelFunc
		ask, cancel = context.WithTimeout(ctx, k.locker.Timing().TTL)
		defer cancel()
	}
	for err = k.begin(ask); err == nil; {
		switch opts := k.options(); {
		case k.once:
			got, err = found(k.locker.Try(ask, k.key, opts...))
		case k.job == "":
			got, err = found(k.locker.Acquire(ctx, k.key, opts...))
		default:
			got, err = found(k.locker.AcquireAlone(ctx, k.key, k.job, opts...))
		}
		if err == nil {
			err = k.usable(ctx, got)
		}
		if err == nil {
			return got, nil
		}
		if !k.once && errors.Is(err, mongolock.ErrLost) && ctx.Err() == nil {
			k.warn(err) // It was over before anything was begun under it: the waiting goes on.
			err = nil
		}
	}
	if busy := k.isBusy(); ctx.Err() != nil && busy != nil {
		err = fmt.Errorf("%w; %w", err, busy)
	}
	return nil, err
}

// begin is what comes before the lock is asked for: others have their turn, the collection is one that can hold locks, and
// who looks once sees first who works on this machine.
func (k *keys) begin(ctx context.Context) error {
	if k.standBack != nil {
		select {
		case <-ctx.Done():
			return &mongolock.WaitError{Key: k.key, Cause: context.Cause(ctx)}
		case <-time.After(k.standBack()):
		}
	}
	if !k.suitable {
		err := k.locker.Suitable(ctx)
		if errors.Is(err, mongolock.ErrCollection) {
			return err
		}
		k.suitable = err == nil // else it is asked again: the store, or a right, was not to be had
	}
	if !k.once || k.dir == nil || k.mayTry() {
		return nil
	}
	if err := k.isBusy(); !errors.As(err, new(*busyError)) {
		return err
	}
	// Another gate of this machine works under the lock, or is ending what it started.
	info, err := k.locker.Info(ctx, k.key)
	if err != nil && !errors.Is(err, mongolock.ErrNoLock) {
		return err
	}
	info.Key = k.key
	if info.Owner == "" {
		info.Owner = "another gate on this machine"
	}
	return &mongolock.HeldError{Info: info}
}

// usable keeps the nonces of what was acquired, and gives back a lease that is over by then: the process may have been
// frozen, or its file system slow.
func (k *keys) usable(ctx context.Context, got mongolock.AnyLease) error {
	if k.dir != nil {
		if err := k.dir.KeepNonces(nonces(got)...); err != nil {
			k.warn(fmt.Errorf("keeping the nonce: %w", err))
		}
	}
	if got.Held() {
		return nil
	}
	var undone error
	if got.Adopted() {
		got.Leave() // what an earlier gate has begun may be going on
	} else {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*k.locker.Timing().Operation)
		defer cancel()
		undone = k.finish(end, got, mongolock.Released)
	}
	if errors.Is(undone, mongolock.ErrLost) {
		undone = nil
	}
	return errors.Join(fmt.Errorf("the lease ended before it could be used: %w", &mongolock.LostError{Key: got.Key(), Reason: mongolock.LostDeadline}), undone)
}

// finish ends a lease in the store, and forgets its nonces once the store has acknowledged that.
func (k *keys) finish(ctx context.Context, lease mongolock.AnyLease, outcome mongolock.Outcome) error {
	if !k.runs {
		outcome = mongolock.Released
	}
	err := lease.Finish(ctx, outcome)
	if err != nil && !errors.Is(err, mongolock.ErrLost) {
		return err
	}
	if k.dir != nil {
		if err := within(k.locker.Timing().Operation, func() error { return k.dir.KeepNonces() }); err != nil {
			k.warn(fmt.Errorf("forgetting the nonce: %w", err))
		}
	}
	if k.abandoned != "" && k.keep > 0 {
		if _, err := k.locker.MarkAbandoned(ctx, k.abandoned, k.keep); err != nil {
			k.warn(err)
		}
	}
	return err
}

// found keeps a nil pointer from becoming an interface that is not nil.
func found[T mongolock.AnyLease](got T, err error) (mongolock.AnyLease, error) {
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (k *keys) options() []mongolock.AcquireOption {
	var opts []mongolock.AcquireOption
	if k.skipIfHeld {
		opts = append(opts, mongolock.SkipIfHeld())
	}
	if k.dir != nil {
		opts = append(opts,
			mongolock.Only(k.mayTry),
			mongolock.AdoptFrom(k.adoptable),
			mongolock.OnNonce(k.keepNonce))
	}
	return opts
}

// busyError is why a lock that may be free is not tried: another process of this machine works under it.
type busyError struct {
	// Dir is the state directory, Process who has taken its flock, as far as that is known.
	Dir, Process string
}

func (e *busyError) Error() string {
	who := e.Process
	if who == "" {
		who = "another process"
	}
	return fmt.Sprintf("on this machine %s holds %s: it runs under this lock, or is stopping its workload", who, filepath.Join(e.Dir, "gate.lock"))
}

// mayTry takes the flock if it can be had: without it no lease and no second tree of processes.
func (k *keys) mayTry() bool {
	err := k.dir.TryLock()
	if errors.Is(err, statedir.ErrBusy) {
		err = &busyError{Dir: k.dir.Path(), Process: k.dir.Holder()}
	}
	k.mu.Lock()
	k.busy = err
	k.mu.Unlock()
	k.tell(err)
	return err == nil
}

func (k *keys) isBusy() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.busy
}

// tell says once what goes wrong again at each look.
func (k *keys) tell(err error) {
	if err == nil {
		return
	}
	k.mu.Lock()
	again := k.said == err.Error()
	k.said = err.Error()
	k.mu.Unlock()
	var busy *busyError
	switch {
	case again:
	case !errors.As(err, &busy):
		k.warn(err)
	case k.waits != nil:
		k.waits(err)
	}
}

func (k *keys) adoptable() []string {
	n, err := k.dir.Nonces()
	k.tell(err)
	return n
}

// keepNonce keeps a nonce before it is sent. One that cannot be kept, on a disk
// that is full by now, costs an adoption after a crash, and nothing else.
func (k *keys) keepNonce(nonce string) error {
	err := k.dir.AddNonce(nonce)
	if err == nil || errors.Is(err, statedir.ErrBusy) {
		return err
	}
	k.tell(fmt.Errorf("a gate that is started again will wait for its own lease to run out: %w", err))
	return nil
}

func nonces(of mongolock.AnyLease) []string {
	switch h := of.(type) {
	case *mongolock.Lease:
		return []string{h.Nonce()}
	case *mongolock.Pair:
		return []string{h.Run.Nonce(), h.Job.Nonce()}
	}
	return nil
}
