//go:build linux

// Package holder is the lock as a gate uses it: one key, or a bucket's key
// together with its job's, with the state directory that lets a gate which
// comes back adopt its own lease.
//
// Promised: a nonce is in the state directory before it is sent, an adoption
// is tried only under the directory's flock, and while another process on this
// machine holds that flock the key is watched but not tried. Not promised:
// adoption after a reboot, or without a state directory.
package holder

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Lock is one key, or two.
type Lock struct {
	Locker *mongolock.Locker
	// Key is what is locked; Job, if set, is the key that is held as well so that runs do not overlap.
	Key, Job string
	// Runs is true where the key is that of one run, which is done once it has
	// succeeded. Otherwise every end is a release.
	Runs bool
	// StandBack is asked how long to wait before the lock is tried; nil: not at all.
	StandBack func() time.Duration
	// Once looks once instead of waiting.
	Once bool
	// SkipIfHeld returns once it is proved that another run does the work.
	SkipIfHeld bool
	// Abandoned, if set, is the prefix of the job's buckets, of which those that nobody has renewed for Keep are marked for removal.
	Abandoned string
	Keep      time.Duration
	// Dir keeps the nonces; nil: no adoption.
	Dir *statedir.Dir
	// Warn is told of what goes wrong beside the lock.
	Warn func(err error)
	// Tell, if set, is told what is waited for on this machine, when that changes: a [BusyError].
	Tell func(err error)

	mu sync.Mutex
	// busy is why the lock is not tried on this machine now, nil where it is; said is the last thing that Warn was told of that.
	busy error
	said string

	suitable bool // the collection, as far as can be seen
}

// BusyError is why a lock that may be free is not tried: another process of this machine works under it.
type BusyError struct {
	// Dir is the state directory, Process who has taken its flock, as far as that is known.
	Dir, Process string
}

func (e *BusyError) Error() string {
	who := e.Process
	if who == "" {
		who = "another process"
	}
	return fmt.Sprintf("on this machine %s holds %s: it runs under this lock, or is stopping its workload", who, filepath.Join(e.Dir, "gate.lock"))
}

// ErrTimeout is the cause of waiting that took as long as it was allowed to.
var ErrTimeout = errors.New("timed out")

// Acquire waits for the lock.
func (l *Lock) Acquire(ctx context.Context) (mongolock.AnyLease, error) {
	if l.StandBack != nil {
		select {
		case <-ctx.Done():
			return nil, &mongolock.WaitError{Key: l.Key, Cause: context.Cause(ctx)}
		case <-time.After(l.StandBack()):
		}
	}
	for {
		s, err := l.obtain(ctx)
		if l.Once || !errors.Is(err, mongolock.ErrLost) || ctx.Err() != nil {
			return s, err
		}
		// It was over before anything was begun under it: the waiting goes on.
		l.Warn(err)
	}
}

// obtain never gives out a lease that is over: the process may have been frozen, or its file system slow.
func (l *Lock) obtain(ctx context.Context) (mongolock.AnyLease, error) {
	if !l.suitable {
		err := l.Locker.Suitable(ctx)
		if errors.Is(err, mongolock.ErrCollection) {
			return nil, err
		}
		l.suitable = err == nil // else it is asked again: the store, or a right, was not to be had
	}
	got, err := l.acquire(ctx)
	if busy := l.isBusy(); err != nil && ctx.Err() != nil && busy != nil {
		err = fmt.Errorf("%w; %w", err, busy)
	}
	if err != nil {
		return nil, err
	}
	s := &lease{AnyLease: got, lock: l}
	if l.Dir != nil {
		if err := l.Dir.KeepNonces(nonces(got)...); err != nil {
			l.Warn(fmt.Errorf("keeping the nonce: %w", err))
		}
	}
	if got.Held() {
		return s, nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*l.Locker.Timing().Operation)
	defer cancel()
	undone := s.Finish(end, gate.Release)
	if errors.Is(undone, mongolock.ErrLost) {
		undone = nil
	}
	return nil, errors.Join(fmt.Errorf("the lease ended before it could be used: %w", &mongolock.LostError{Key: got.Key(), Reason: mongolock.LostDeadline}), undone)
}

func (l *Lock) acquire(ctx context.Context) (mongolock.AnyLease, error) {
	opts := l.options()
	if l.Once {
		return l.try(ctx, opts)
	}
	if l.Job == "" {
		return found(l.Locker.Acquire(ctx, l.Key, opts...))
	}
	return found(l.Locker.AcquireAlone(ctx, l.Key, l.Job, opts...))
}

// try looks once, for as long as a lease lives where the store does not answer.
func (l *Lock) try(ctx context.Context, opts []mongolock.AcquireOption) (mongolock.AnyLease, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Locker.Timing().TTL)
	defer cancel()
	if l.Dir != nil && !l.mayTry() {
		if err := l.isBusy(); !errors.As(err, new(*BusyError)) {
			return nil, err
		}
		// Another gate of this machine works under the lock, or is ending what it started.
		info, err := l.Locker.Info(ctx, l.Key)
		if err != nil && !errors.Is(err, mongolock.ErrNoLock) {
			return nil, err
		}
		info.Key = l.Key
		if info.Owner == "" {
			info.Owner = "another gate on this machine"
		}
		return nil, &mongolock.HeldError{Info: info}
	}
	return found(l.Locker.Try(ctx, l.Key, opts...))
}

// found keeps a nil pointer from becoming an interface that is not nil.
func found[T mongolock.AnyLease](got T, err error) (mongolock.AnyLease, error) {
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (l *Lock) options() []mongolock.AcquireOption {
	var opts []mongolock.AcquireOption
	if l.SkipIfHeld {
		opts = append(opts, mongolock.SkipIfHeld())
	}
	if l.Dir != nil {
		opts = append(opts,
			mongolock.Only(l.mayTry),
			mongolock.AdoptFrom(l.adoptable),
			mongolock.OnNonce(l.keep))
	}
	return opts
}

// mayTry takes the flock if it can be had: without it no lease and no second tree of processes.
func (l *Lock) mayTry() bool {
	err := l.Dir.TryLock()
	if errors.Is(err, statedir.ErrBusy) {
		err = &BusyError{Dir: l.Dir.Path(), Process: l.Dir.Holder()}
	}
	l.mu.Lock()
	l.busy = err
	l.mu.Unlock()
	l.tell(err)
	return err == nil
}

func (l *Lock) isBusy() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

// tell says once what goes wrong again at each look.
func (l *Lock) tell(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	again := l.said == err.Error()
	l.said = err.Error()
	l.mu.Unlock()
	var busy *BusyError
	switch {
	case again:
	case !errors.As(err, &busy):
		l.Warn(err)
	case l.Tell != nil:
		l.Tell(err)
	}
}

func (l *Lock) adoptable() []string {
	n, err := l.Dir.Nonces()
	l.tell(err)
	return n
}

// keep keeps a nonce before it is sent. One that cannot be kept, on a disk
// that is full by now, costs an adoption after a crash, and nothing else.
func (l *Lock) keep(nonce string) error {
	err := l.Dir.AddNonce(nonce)
	if err == nil || errors.Is(err, statedir.ErrBusy) {
		return err
	}
	l.tell(fmt.Errorf("a gate that is started again will wait for its own lease to run out: %w", err))
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

// lease forgets its nonces once the store has acknowledged its end.
type lease struct {
	mongolock.AnyLease
	lock *Lock
}

var _ mongolock.AnyLease = (*lease)(nil)

// Finish ends the lease in the store.
func (s *lease) Finish(ctx context.Context, outcome gate.Outcome) error {
	if !s.lock.Runs {
		outcome = gate.Release
	}
	err := s.AnyLease.Finish(ctx, outcome)
	if l := s.lock; err == nil || errors.Is(err, mongolock.ErrLost) {
		if l.Dir != nil {
			if err := Within(l.Locker.Timing().Operation, func() error { return l.Dir.KeepNonces() }); err != nil {
				l.Warn(fmt.Errorf("forgetting the nonce: %w", err))
			}
		}
		if l.Abandoned != "" && l.Keep > 0 {
			if _, err := l.Locker.MarkAbandoned(ctx, l.Abandoned, l.Keep); err != nil {
				l.Warn(err)
			}
		}
	}
	return err
}
