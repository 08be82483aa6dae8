//go:build linux

package statedir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/problem"
)

// lookEvery is how often a follower looks at the lease file. It bounds how
// late a loss before the deadline is seen; the deadline itself needs no look.
const lookEvery = 50 * time.Millisecond

// Follower is the lock of a gate that follows another gate's lease file. It implements [gate.Lock].
type Follower struct {
	Dir   *Dir
	Clock gate.Clock
	// Budget is the follower's own: a SIGKILL later than the holder's kill budget allows is refused.
	Budget gate.Budget
	// Tell, if set, is told what is waited for, when that changes.
	Tell func(what error)

	mu   sync.Mutex
	lock *os.File
	why  error // the last try brought no lease
	told string
}

// ErrBudget says that the follower takes longer to kill than the gate that it follows has kept back for it.
var ErrBudget = errors.New("the follower's kill time does not fit the lease")

// LockFile is the follower's flock, for its guard to inherit; nil before the lease is acquired.
func (f *Follower) LockFile() *os.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lock
}

// Acquire waits until the lease file shows an open gate, and has the follower's flock when it returns a lease.
func (f *Follower) Acquire(ctx context.Context) (gate.Lease, error) {
	for {
		l, err := f.try()
		if err != nil || l != nil {
			return l, err
		}
		f.tell()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("following %s: %w (%w)", f.Dir.Path(), context.Cause(ctx), f.why)
		case <-time.After(lookEvery):
		}
	}
}

// try locks, then reads, then says that it runs, so that a gate that shuts, locks and reads cannot be missed.
func (f *Follower) try() (gate.Lease, error) {
	lock, err := flock(f.Dir.path(followerLock))
	if errors.Is(err, ErrBusy) {
		f.why = errFollowed
		if by := takenBy(f.Dir.path(followerLock)); by != "" {
			f.why = fmt.Errorf("%w: %s", errFollowed, by)
		}
		return nil, nil //nolint:nilnil // not yet
	}
	if err != nil {
		return nil, err
	}
	l, err := f.read()
	if err == nil && f.Budget.KillAfter > l.KillBudget*3/4 {
		err = problem.Of("", fmt.Errorf("%w: kill after %v > ¾ × kill budget %v of the gate that is followed", ErrBudget, f.Budget.KillAfter, l.KillBudget), "give both the same --ttl and --kill-budget, or lower --kill-after")
	}
	if err == nil {
		err = f.Dir.say(l.Token, true)
	}
	if err != nil {
		_ = lock.Close()
		if f.why = err; errors.Is(err, ErrShut) || errors.Is(err, ErrNoLease) {
			return nil, nil //nolint:nilnil // not yet
		}
		return nil, err
	}
	f.mu.Lock()
	f.lock = lock
	f.mu.Unlock()
	return follow(f, l), nil
}

// errFollowed is what a follower waits for whose place is taken.
var errFollowed = errors.New("another follower or its guard is running here, or the gate is releasing the lease")

// tell says what is waited for. How long ago something was is no news.
func (f *Follower) tell() {
	if f.Tell == nil || f.why == nil {
		return
	}
	what := f.why.Error()
	if over := new(overError); errors.As(f.why, &over) {
		what = ErrShut.Error() + ": over" // however long ago
	}
	if what != f.told {
		f.told = what
		f.Tell(f.why)
	}
}

// read gives the lease that the file shows, if it is open.
func (f *Follower) read() (Lease, error) {
	l, err := f.Dir.ReadLease()
	if err == nil {
		err = f.Dir.Live(l, f.Clock.Now())
	}
	if err == nil && l.Key != f.Dir.key {
		err = fmt.Errorf("%w: the lease is that of key %q", ErrShut, l.Key)
	}
	return l, err
}

// followed is a lease as seen through its file.
type followed struct {
	f     *Follower
	first Lease

	mu       sync.Mutex
	deadline time.Duration

	renewed chan struct{}
	done    context.Context //nolint:containedctx // the lease's own life
	end     context.CancelCauseFunc
	loop    sync.WaitGroup
}

func follow(f *Follower, l Lease) *followed {
	s := &followed{f: f, first: l, deadline: l.Deadline, renewed: make(chan struct{}, 1)}
	s.done, s.end = context.WithCancelCause(context.Background())
	s.loop.Go(s.look)
	return s
}

// look reads the file until it shows something else than this lease.
func (s *followed) look() {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-s.done.Done():
			return
		case <-t.C:
		}
		l, err := s.f.read()
		if err == nil && l.Token != s.first.Token {
			err = fmt.Errorf("%w: it was opened again, under token %d", ErrShut, l.Token)
		}
		if err != nil {
			s.end(fmt.Errorf("the lease that is followed is lost: %w", err))
			return
		}
		s.mu.Lock()
		moved := l.Deadline > s.deadline
		s.deadline = max(s.deadline, l.Deadline)
		s.mu.Unlock()
		if moved {
			select {
			case s.renewed <- struct{}{}:
			default:
			}
		}
	}
}

func (s *followed) Key() string              { return s.first.Key }
func (s *followed) Token() int64             { return s.first.Token }
func (s *followed) Renewed() <-chan struct{} { return s.renewed }
func (s *followed) Done() <-chan struct{}    { return s.done.Done() }
func (s *followed) Err() error               { return context.Cause(s.done) }

func (s *followed) Deadline() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline
}

// Finish says that nothing runs any more, and lets the flock go.
func (s *followed) Finish(context.Context, gate.Outcome) error {
	s.end(errors.New("the follower has ended"))
	s.loop.Wait()
	err := s.f.Dir.say(s.first.Token, false)
	s.f.mu.Lock()
	lock := s.f.lock
	s.f.lock = nil
	s.f.mu.Unlock()
	return errors.Join(err, lock.Close())
}
