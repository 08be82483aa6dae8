//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// lock is the lock of a gate. All that happens between the gate and the library stands in this file and in keys.go, in its order:
//
//	Acquire   1. a gate whose restart rule was ignored acquires nothing, ever
//	          2. the time for waiting runs
//	          3. the store is found, once
//	          4. the lock is acquired (keys.acquire); what may be mended meanwhile is waited out, and begins again at 3
//	          5. the hold is noted before the gate can open; one that cannot be noted is not used, and it begins again at 1
//	Finish    1. the holder's label is taken off, while the lease is still renewed
//	          2. the note of the hold is removed: there is evidence that nothing of the workload is left
//	          3. the store ends the lease (keys.finish)
//	          4. people are told
type lock struct {
	ses *session
	// epochs notes holds; nil where the protection does not need it.
	epochs *epochs
	// again says which errors are waited out, told what is said of them.
	again func(error) bool
	told  func(error)
	// idled, if there is one, says that a lease was given back because nothing ran under it: others come first then.
	idled func() bool

	keys keyring // once the store is found
	// noting is the answer to a note of a hold that is being written; nil where none is.
	noting chan error
}

// keyring is what a lock asks of its [keys]. Tests have another one.
type keyring interface {
	acquire(ctx context.Context) (mongolock.AnyLease, error)
	finish(ctx context.Context, lease mongolock.AnyLease, outcome mongolock.Outcome) error
}

// Acquire waits for the lock.
func (l *lock) Acquire(ctx context.Context) (gate.Lease, error) {
	for l.epochs.Refused() == nil {
		got, err := l.obtain(ctx)
		if err != nil {
			return nil, err
		}
		err = l.opens()
		if err == nil {
			return &lease{AnyLease: got, lock: l}, nil
		}
		// Not given back, for something may run beside us: it is adopted again, or runs out.
		got.Leave()
		if errors.Is(err, errUnasked) { // known only now that the gate before this one has let its flock go
			return nil, errAlone
		}
		l.ses.warn(fmt.Errorf("the lock is not used: %w", err))
		if err := l.pause(ctx, nil); err != nil {
			return nil, err
		}
	}
	l.ses.tellIgnored(l.epochs)
	// For ever, whatever --timeout says: an exit would start the gate once more, to refuse once more.
	<-ctx.Done()
	return nil, errIgnored
}

var errNoteHangs = errors.New("the hold could not be noted in time: the state directory does not answer")

// opens notes the hold, within the time of a call to the store: the lease of a gate that cannot open is not renewed for ever. A note that
// hangs is not written beside another one: it counts when it is written at last.
func (l *lock) opens() error {
	if l.epochs == nil {
		return nil
	}
	if l.noting == nil {
		noting := make(chan error, 1)
		go func() { noting <- l.epochs.opens() }() // ends with its write, or with the process
		l.noting = noting
	}
	select {
	case err := <-l.noting:
		l.noting = nil
		return err
	case <-time.After(l.ses.s.Timing().Operation):
		return errNoteHangs
	}
}

// obtain acquires the lock within the time for waiting, through errors that may be mended.
func (l *lock) obtain(ctx context.Context) (mongolock.AnyLease, error) {
	ctx, cancel := waiting(ctx, l.ses.s.Timeout)
	defer cancel()
	for {
		err := l.find(ctx)
		if err == nil {
			var got mongolock.AnyLease
			if got, err = l.keys.acquire(ctx); err == nil {
				return got, nil
			}
		}
		if ctx.Err() != nil || !l.again(err) {
			return nil, err
		}
		l.told(err)
		if err := l.pause(ctx, err); err != nil {
			return nil, err
		}
	}
}

// waiting bounds the time for waiting; most is zero where it has no end.
func waiting(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if most <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, most, errTimeout)
}

// find reaches the store, once: by then what runs beside this gate is seen to, and probes are answered.
func (l *lock) find(ctx context.Context) error {
	if l.keys != nil {
		return nil
	}
	err := l.ses.reach(ctx)
	if err != nil && ctx.Err() != nil {
		err = &mongolock.WaitError{Key: l.ses.s.Lock.Key, Store: err, Cause: context.Cause(ctx)}
	}
	if err != nil {
		return &reachError{err}
	}
	keys := l.ses.key()
	if l.idled != nil {
		keys.standBack = func() time.Duration {
			if l.idled() {
				return l.ses.idle()
			}
			return 0
		}
	}
	l.keys = keys
	return nil
}

// pause waits for a heartbeat. store is what the store has answered last, for the error.
func (l *lock) pause(ctx context.Context, store error) error {
	select {
	case <-ctx.Done():
		return &mongolock.WaitError{Key: l.ses.s.Lock.Key, Store: store, Cause: context.Cause(ctx)}
	case <-time.After(l.ses.s.Timing().Heartbeat):
		return nil
	}
}

// lease is what a gate holds. Its Finish is the gate's, which has an outcome of its own; all else is the library's.
type lease struct {
	mongolock.AnyLease
	lock *lock
}

var _ gate.Lease = (*lease)(nil)

// outcomes are the library's words for the gate's.
var outcomes = map[gate.Outcome]mongolock.Outcome{ //nolint:gochecknoglobals // a constant table
	gate.Unbegun: mongolock.Released, gate.Succeeded: mongolock.Succeeded, gate.Failed: mongolock.Failed,
}

// Finish ends the lease. It is called with evidence that nothing of the workload is left, or where this gate has begun nothing.
func (s *lease) Finish(ctx context.Context, outcome gate.Outcome) error {
	if outcome == gate.Unbegun && s.Adopted() {
		s.Leave() // what an earlier gate has begun may be going on
		return nil
	}
	ses := s.lock.ses
	ses.kube.unlabel(ctx) // whoever comes next finds no other holder behind a Service
	ses.warn(within(noteWithin, s.lock.epochs.ended))
	err := s.lock.keys.finish(ctx, s.AnyLease, outcomes[outcome])
	if err == nil {
		ses.kube.finished(s.Key(), outcome, ses.s)
	}
	return err
}

// reachError is why the store could not be found.
type reachError struct{ error }

func (e *reachError) Unwrap() error { return e.error }

// unreached says that the store was not found, and may be later: the resolver or the server is away. It is no refusal.
func unreached(err error) bool {
	var (
		reach *reachError
		ends  *Exit
		wait  *mongolock.WaitError
	)
	return errors.As(err, &reach) && errors.Is(err, mongolock.ErrUnavailable) && !errors.As(err, &ends) && !errors.As(err, &wait) && !mongolock.Denied(err)
}

// sidecarLock waits through what `run` reports at once: a sidecar that exits
// while its pod starts ends the whole pod on some versions of Kubernetes (kubernetes#132826).
func (ses *session) sidecarLock(e *epochs, idled func() bool) *lock {
	return &lock{
		ses: ses, epochs: e, idled: idled,
		again: func(err error) bool {
			var (
				wait *mongolock.WaitError
				done *mongolock.DoneError
				ends *Exit
			)
			return !errors.As(err, &wait) && !errors.As(err, &done) && !errors.As(err, &ends) && !errors.Is(err, mongolock.ErrConfig)
		},
		told: func(err error) { ses.log.Error(err, "cannot acquire the lock; retrying") },
	}
}

// commandLock is the lock of a command. It waits where the store lets nobody in whom it has let in
// before: the new credentials are on their way, and a run that waits for its
// turn must not end for that. What was refused from the start is an error at once.
func (ses *session) commandLock() *lock {
	return &lock{
		ses: ses,
		again: func(err error) bool {
			return ses.rotation != nil && mongolock.Denied(err) && ses.reached.Load() || unreached(err) && !ses.s.Try
		},
		told: func(err error) {
			if unreached(err) {
				ses.log.Error(err, "cannot reach the store yet; retrying")
				return
			}
			ses.log.Error(err, "previously valid credentials rejected; waiting for new ones")
		},
	}
}

// key is the key of this run, or its two, with what makes an adoption possible.
func (ses *session) key() *keys {
	s := ses.s
	k := &keys{
		locker: ses.locker, key: s.Lock.Key, dir: ses.dir,
		runs: s.Lock.Bucket != "", once: s.Try,
		warn: ses.warn,
		waits: func(err error) {
			ses.log.Info("waiting for another process of this machine", "key", s.Lock.Key, "now", err.Error())
		},
	}
	if s.NoOverlap && s.Lock.BaseKey != s.Lock.Key {
		k.job = s.Lock.BaseKey
	}
	// Without a bucket there is nothing to skip: the lock is waited for, unless somebody asked.
	k.skipIfHeld = s.IfHeld == settings.Skip && (k.runs || s.FailIfHeld || s.Given("if-held"))
	if k.runs && s.Lock.Prefix != "" {
		k.abandoned, k.keep = s.Lock.Prefix, s.Retention
	}
	return k
}
