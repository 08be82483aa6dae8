package mongolock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The outcomes of runs.
const (
	outcomeSucceeded = "succeeded"
	outcomeFailed    = "failed"
)

// Lease is a key that is held. It renews itself until it is finished or lost.
type Lease struct {
	locker *Locker
	timing Timing
	key    string
	nonce  string
	token  int64
	owner  string
	info   Info
	// adopted: it may be the lease of an earlier acquisition, under which something may be going on.
	adopted bool

	mu       sync.Mutex
	deadline time.Duration
	counts   bool  // there has been a deadline
	beat     int64 // number of the last renewal that was sent
	floor    int64 // number of the highest renewal that was acknowledged
	marks    marks
	sent     time.Duration // when the last renewal that was acknowledged was sent
	last     error         // of the last renewal, while it is not acknowledged
	finished bool
	endings  int64 // number of the last request that ended it

	renewed chan struct{}
	extend  chan struct{}   // tells the watchdog of a later deadline
	done    context.Context //nolint:containedctx // the lease's own life, handed to those who hold it
	end     context.CancelCauseFunc
	still   chan struct{}      // ends the renewal loop
	asking  context.CancelFunc // ends its question for the successor; guarded by mu
	loops   sync.WaitGroup
}

func newLease(l *Locker, r *request, a *attempt, d *document) *Lease {
	s := &Lease{
		locker: l, timing: r.timing, key: r.key, nonce: a.nonce, token: d.Token, owner: a.owner, info: d.Info, marks: firstMark(a.mark), adopted: len(a.adopt) > 0,
		renewed: make(chan struct{}, 1), extend: make(chan struct{}, 1), still: make(chan struct{}, 1),
	}
	// The Locker's end is the lease's: nobody renews it any more.
	s.done, s.end = context.WithCancelCause(l.life)
	return s
}

// Key is the name of what is locked.
func (s *Lease) Key() string { return s.key }

// Token is the fencing token: larger than that of every earlier holder, as
// long as the document lives or the server's clock does not step back.
func (s *Lease) Token() int64 { return s.token }

// Nonce names this acquisition. Who knows it can adopt the lease.
func (s *Lease) Nonce() string { return s.nonce }

// Adopted is true where the lease may be that of an earlier acquisition, because nonces to adopt were named: work of that
// one may be going on, and who has begun nothing leaves such a lease ([Lease.Leave]) instead of giving it back.
func (s *Lease) Adopted() bool { return s.adopted }

// Info is what the store said of the key when it was acquired.
func (s *Lease) Info() Info { return s.info }

// Deadline is the instant on the Locker's clock at which the work must begin to
// stop unless a renewal is acknowledged before.
func (s *Lease) Deadline() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline
}

// Remaining is the time to the deadline: zero or less once the lease must not be relied on.
func (s *Lease) Remaining() time.Duration {
	if s.done.Err() != nil {
		return 0
	}
	return s.Deadline() - s.locker.opts.Clock.Now()
}

// Held is true while the lease may be relied on, computed at the moment of asking.
func (s *Lease) Held() bool { return s.Remaining() > 0 }

// Renewed receives (capacity one) after the deadline has moved.
func (s *Lease) Renewed() <-chan struct{} { return s.renewed }

// Done is closed when the lease is lost or finished.
func (s *Lease) Done() <-chan struct{} { return s.done.Done() }

// Err is nil while the lease is held, then a [*LostError], or [ErrFinished].
func (s *Lease) Err() error {
	err := context.Cause(s.done)
	if err == ErrClosed { //nolint:errorlint // the very cause that Close gives
		return &LostError{Key: s.key, Reason: LostClosed, Last: ErrClosed}
	}
	return err
}

// Context is parent, ended with [Lease.Err] as its cause when the lease ends.
// The caller calls stop when it no longer needs it.
func (s *Lease) Context(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	unhook := context.AfterFunc(s.done, func() { cancel(s.Err()) })
	return ctx, func() {
		unhook()
		cancel(context.Canceled)
	}
}

// acknowledged moves the deadline: the lease counts from before the request
// was sent. It is false where the deadline has passed already: what was not held any more is never held again.
func (s *Lease) acknowledged(sent time.Duration) bool {
	s.mu.Lock()
	s.sent = max(s.sent, sent)
	if s.counts && s.locker.opts.Clock.Now() >= s.deadline {
		s.mu.Unlock()
		return false
	}
	s.deadline, s.counts = max(s.deadline, s.timing.Deadline(sent)), true
	s.last = nil
	s.mu.Unlock()
	for _, c := range []chan struct{}{s.renewed, s.extend} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return true
}

// start begins the two loops of a lease: one talks to the store, the other never waits for it.
// The caller is one whom Close waits for, and so Close waits for the loops, which end with the Locker's life.
func (s *Lease) start() {
	s.locker.wait.Add(1)
	s.loops.Go(s.keep)
	s.loops.Go(s.watchdog)
}

// renewal ends the loop that renews, and nothing else.
func (s *Lease) renewal() {
	select {
	case s.still <- struct{}{}:
	default:
	}
}

// watchdog ends the lease at its deadline. On waking it looks at the clock first.
func (s *Lease) watchdog() {
	for {
		left := s.Deadline() - s.locker.opts.Clock.Now()
		if left <= 0 {
			s.mu.Lock()
			last := s.last
			s.mu.Unlock()
			s.lose(&LostError{Key: s.key, Reason: LostDeadline, Last: last})
			return
		}
		// Go's timers stand still while the machine is suspended, the lease does not: look at least once a second.
		sleep(s.done, min(left, time.Second), s.extend)
		if s.done.Err() != nil {
			if err := s.Err(); errors.Is(err, ErrClosed) {
				s.locker.tell(Event{Kind: EventLost, Key: s.key, Token: s.token, Err: err})
			}
			return
		}
	}
}

func (s *Lease) lose(why *LostError) {
	s.end(why)
	if s.Err() != error(why) { //nolint:errorlint // this very loss, not one like it: the first ends the lease and is told
		return
	}
	s.locker.tell(Event{Kind: EventLost, Key: s.key, Token: s.token, Err: why})
}

// keep renews at every heartbeat, and sooner after a call that was not acknowledged.
func (s *Lease) keep() {
	defer s.locker.wait.Done()
	clock := s.locker.opts.Clock
	next := s.Deadline() - s.timing.Deadline(0) + s.timing.Heartbeat
	for tries := 0; ; {
		if sleep(s.done, next-clock.Now(), s.still) || s.done.Err() != nil {
			return
		}
		sent := clock.Now()
		switch err := s.renew(s.done); {
		case err == nil:
			tries, next = 0, sent+s.timing.Heartbeat
		case errors.Is(err, ErrLost):
			s.successor()
			return
		default:
			next = clock.Now() + backoff(tries, s.timing)
			tries++
		}
	}
}

// Renew renews at once, beside what the lease does by itself. It returns nil
// when the store has acknowledged it, a [*LostError] when the lease is lost,
// and else an error after which nothing is known.
func (s *Lease) Renew(ctx context.Context) error {
	if err := s.Err(); err != nil {
		return err
	}
	return s.renew(ctx)
}

func (s *Lease) renew(ctx context.Context) error {
	err := s.beatOnce(ctx)
	var lost *LostError
	if errors.As(err, &lost) {
		s.mu.Lock()
		finished := s.finished
		s.mu.Unlock()
		if finished { // by us, while the renewal was under way
			return ErrFinished
		}
		s.lose(lost)
		if lost.Reason == LostTwin {
			s.disown(ctx)
		}
	}
	return err
}

// beatOnce is one numbered renewal.
func (s *Lease) beatOnce(ctx context.Context) error {
	s.mu.Lock()
	s.beat++
	r := &renewal{nonce: s.nonce, timing: s.timing, beat: s.beat, mark: newMark(), known: s.marks.known()}
	floor := s.floor
	s.marks.send(r.mark)
	s.mu.Unlock()
	clock := s.locker.opts.Clock
	sent := clock.Now()
	c, err := s.locker.encodeRenewal(s.key, r)
	if err != nil {
		return fmt.Errorf("renewing lock %q: %w", s.key, err)
	}
	d, err := c.answer(s.locker.store.Modify(ctx, c))
	took := clock.Now() - sent
	var lost *LostError
	if err == nil && d != nil {
		lost = s.left(d, r.beat, floor)
	}
	s.mu.Lock()
	s.marks.settle(r.mark, err == nil && d != nil)
	s.mu.Unlock()
	switch {
	case err != nil:
		err = fmt.Errorf("renewing lock %q: %w", s.key, err)
		s.mu.Lock()
		s.last = err
		s.mu.Unlock()
		if ctx.Err() == nil {
			s.locker.tell(Event{Kind: EventUnknown, Key: s.key, Token: s.token, Call: "renew", Took: took, Err: err})
		}
		return err
	case d == nil:
		return &LostError{Key: s.key, Reason: LostTaken}
	}
	if lost != nil {
		return lost
	}
	s.mu.Lock()
	s.floor = max(s.floor, r.beat)
	s.mu.Unlock()
	if !s.acknowledged(sent) {
		return &LostError{Key: s.key, Reason: LostDeadline}
	}
	s.locker.tell(Event{Kind: EventRenewed, Key: s.key, Token: s.token, Call: "renew", Took: took})
	return nil
}

// confirm renews until the store acknowledges it or until the instant by which a lease would be over.
func (s *Lease) confirm(asked, call context.Context, until time.Duration) error {
	for tries := 0; ; tries++ {
		err := s.beatOnce(call)
		if err == nil || errors.Is(err, ErrLost) || refused(err) {
			return err
		}
		if s.locker.ended(asked) != nil || s.locker.opts.Clock.Now() >= until {
			return err
		}
		s.locker.rest(asked, backoff(tries, s.timing))
	}
}

// successor tells the observer who has the key after a definite loss.
func (s *Lease) successor() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(s.locker.life, cancel)()
	s.mu.Lock()
	s.asking = cancel
	finished := s.finished
	s.mu.Unlock()
	if finished { // who ends the lease does not wait for it
		return
	}
	d, err := s.locker.read(ctx, s.key)
	if err != nil {
		return // for people only, and the loss has been told
	}
	info := Info{Key: s.key, State: stateFree}
	if d != nil {
		info = d.Info
	}
	s.locker.tell(Event{Kind: EventSuccessor, Key: s.key, Token: s.token, Info: &info})
}
