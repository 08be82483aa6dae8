package mongolock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Try looks once, with one call to the store (a second one proves a done
// record), and returns the lease, a [*HeldError], a [*DoneError], a [*FormatError], or the
// store's error. Where the store does not answer it asks again, until ctx ends or a lease that counted from the first
// request would be over; then the error is [ErrUnknown], or [ErrUnavailable]. What it sees of a holder is kept:
// tries that are repeated for long enough take over from one who fell silent.
func (l *Locker) Try(ctx context.Context, key string, opts ...AcquireOption) (*Lease, error) {
	r, err := l.requestOnce(key, opts)
	if err != nil {
		return nil, err
	}
	return l.once(ctx, r)
}

// once is one try; one look where it may not be tried.
func (l *Locker) once(ctx context.Context, r *request) (*Lease, error) {
	if !r.may() {
		d, err := l.look(ctx, r.key)
		if err == nil && (d == nil || d.free()) {
			err = fmt.Errorf("lock %q: %w", r.key, ErrNotTried)
		}
		if err != nil {
			return nil, err
		}
		return nil, l.refusal(r.key, d)
	}
	lease, d, err := l.attempt(ctx, r)
	if err != nil {
		return nil, err
	}
	if lease != nil {
		return l.handOut(ctx, lease)
	}
	if d.State == stateDone {
		if d, err = l.look(ctx, r.key); err != nil {
			return nil, err
		}
		if d == nil || d.State == stateFree {
			return nil, fmt.Errorf("lock %q: %w: a done record that no majority has", r.key, ErrUnknown)
		}
	}
	return nil, l.refusal(r.key, d)
}

// Acquire waits until the key is held. It returns a [*DoneError] where the
// key's run is done, a [*HeldError] under [SkipIfHeld], a [*FormatError], an
// error of the store that no repetition mends, or a [*WaitError] when ctx ends.
//
// Those who wait for a key in one process, with one Locker, get it in the order in which they came, and only the first of them asks the
// store. Options by which one may win when others may not ([Adopt], [Only], [SkipIfHeld]) stand outside of that. Between processes there is no order.
//
// A call to the store that is under way when ctx ends is left to end, for two seconds at most, and what it got is given back.
func (l *Locker) Acquire(ctx context.Context, key string, opts ...AcquireOption) (*Lease, error) {
	r, err := l.request(key, opts)
	if err != nil {
		return nil, err
	}
	return l.acquire(ctx, r)
}

// refusal is the error for a document that is not to be had.
func (l *Locker) refusal(key string, d *document) error {
	switch {
	case d == nil:
		return &HeldError{Info: Info{Key: key}}
	case d.v != Format || d.damaged:
		return &FormatError{Key: key, Problems: append(d.problems, mendIt)}
	case d.State == stateDone:
		return &DoneError{Info: d.Info}
	case d.free():
		// Under our nonce, else it would be ours now: the request whose answer was lost was carried out, and an operator has freed the key since.
		return fmt.Errorf("lock %q: %w: it was acquired, and freed by force before the answer came", key, ErrUnknown)
	default:
		return &HeldError{Info: d.Info, Moving: l.watch.moved(key)}
	}
}

// acquire waits for as long as r says, with plain reads, and tries only when a read shows that it may win.
func (l *Locker) acquire(ctx context.Context, r *request) (*Lease, error) {
	if r.limit == 0 {
		return l.once(ctx, r)
	}
	ctx, stop := r.waiting(ctx)
	defer stop()
	p, leave, err := l.stand(ctx, r)
	defer leave()
	if err != nil {
		return nil, err
	}
	wake, unsubscribe := l.hint.subscribe(r.key)
	defer unsubscribe()
	w := waiter{locker: l, request: r, place: p}
	// The first look is a try: uncontended, one call is all there is.
	for try := r.may(); ; {
		var (
			lease *Lease
			d     *document
			cut   = l.cutShort(ctx)
		)
		if try {
			lease, d, err = l.attempt(ctx, r)
		} else {
			d, err = l.look(ctx, r.key)
		}
		if lease != nil {
			return l.handOut(ctx, lease)
		}
		if try && err == nil && d.State == stateDone {
			// A refused try writes nothing, so its answer may be that of a primary which is being rolled back: no proof.
			d, err = l.look(ctx, r.key)
		}
		if try = !try && err == nil && r.may() && l.mayWin(r, d); try {
			continue
		}
		if err := w.heard(d, err, cut); err != nil {
			return nil, err
		}
		sleep(ctx, w.pause(), wake)
		if cause := l.ended(ctx); cause != nil {
			return nil, &WaitError{Key: r.key, Held: w.held, Store: w.store, Cause: cause}
		}
	}
}

// waiter is what one who waits has heard.
type waiter struct {
	locker  *Locker
	request *request
	place   *place
	held    *HeldError
	store   error
	// answered: by the store, in the round before.
	answered bool
}

// heard takes what a round has brought. The error is one that no waiting mends. cut: the end of the waiting has cut the call short.
func (w *waiter) heard(d *document, err error, cut bool) error {
	w.store = err
	if err == nil {
		if w.held, err = w.locker.judge(w.request, d); err != nil {
			return err
		}
		w.answered = true
		w.locker.lines.saw(w.place, w.held)
		return nil
	}
	if refused(err) || errors.Is(err, errNonce) || errors.As(err, new(*FormatError)) {
		return err
	}
	if w.answered = w.answered && cut && isTimeout(err); w.answered {
		w.store = nil // the end of the waiting cut the call short, not the store
	}
	return nil
}

// pause is how long to wait before the next round. A try is made the moment the watch is ripe.
func (w *waiter) pause() time.Duration {
	pause := w.locker.jitter()
	if _, in, ever := w.locker.watch.ripe(w.request.key); ever && w.request.may() {
		pause = min(pause, max(in, time.Millisecond))
	}
	return pause
}

// cutShort says whether ctx ends before a call that begins now has had its time.
func (l *Locker) cutShort(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < l.opts.Timing.Operation
}

func isTimeout(err error) bool {
	return mongo.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded)
}

// ended is why nothing more is to be asked for ctx, or nil.
func (l *Locker) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return context.Cause(l.life)
}

// judge says whether waiting for d's holder makes sense.
func (l *Locker) judge(r *request, d *document) (*HeldError, error) {
	if d == nil || d.free() {
		return nil, nil //nolint:nilnil // nobody holds it
	}
	err := l.refusal(r.key, d)
	var held *HeldError
	if !errors.As(err, &held) {
		var done *DoneError
		if errors.As(err, &done) && l.mayWin(r, d) {
			return nil, nil //nolint:nilnil // the failed run of this same Job
		}
		return nil, err
	}
	l.tell(Event{Kind: EventWaiting, Key: r.key, Info: &held.Info})
	if r.skip && held.Moving && (d.Holder.JobUID == "" || d.Holder.JobUID != l.opts.Holder.JobUID) {
		return nil, held
	}
	return held, nil
}

// mayWin tells whether a try makes sense, by what a read showed. The try decides by itself.
func (l *Locker) mayWin(r *request, d *document) bool {
	if d == nil {
		return true
	}
	if d.v != Format || d.damaged {
		return false
	}
	if d.State == stateDone {
		return d.Done != nil && d.Done.Outcome == outcomeFailed && l.opts.Holder.JobUID != "" && d.Done.JobUID == l.opts.Holder.JobUID
	}
	if d.free() || d.python() {
		return true
	}
	for _, n := range r.adopt() {
		if n == d.nonce && !d.Revoked && !d.twin {
			return true
		}
	}
	b, _, _ := l.watch.ripe(r.key)
	return b != nil
}

func (l *Locker) look(ctx context.Context, key string) (*document, error) {
	d, err := l.read(ctx, key)
	if err != nil {
		l.tell(Event{Kind: EventUnknown, Key: key, Call: "read", Err: err})
		return nil, fmt.Errorf("reading lock %q: %w", key, err)
	}
	l.watch.saw(key, d)
	return d, nil
}

func (l *Locker) jitter() time.Duration {
	p := float64(l.opts.Poll)
	return time.Duration(p * (0.75 + 0.2*rand.Float64())) //nolint:gosec // spreads polls, guards nothing
}

var errNonce = errors.New("keeping the nonce")

// prepare asks the caller for what an acquisition is sent with, and gives it the nonce.
func (l *Locker) prepare(r *request) (*attempt, error) {
	a := &attempt{key: r.key, nonce: newNonce(), mark: newMark(), owner: l.opts.Owner, holder: l.opts.Holder, timing: r.timing, adopt: r.adopt(), seen: l.watch.token(r.key)}
	a.watched, _, _ = l.watch.ripe(r.key)
	if a.seen >= maxToken {
		return nil, &FormatError{Key: r.key, Problems: []string{fmt.Sprintf("token %d was seen: there is no larger one below 2^62", a.seen)}}
	}
	if r.onNonce != nil {
		if err := r.onNonce(a.nonce); err != nil {
			return nil, fmt.Errorf("%w of lock %q: %w", errNonce, r.key, err)
		}
	}
	return a, nil
}

// send asks under one nonce until the answer is known, asked ends, or a lease that counted from the first try would be
// over. The calls themselves end with call, which outlives asked. What it returns is handed over as well.
func (l *Locker) send(asked, call context.Context, r *request, a *attempt, hand func(answered)) (lease *Lease, d *document, err error) {
	defer func() { hand(answered{lease, d, err}) }()
	plain := len(a.adopt) == 0 && a.watched == nil // else once in the life of a process, or of a holder
	c, err := l.encodeAcquisition(a, plain)
	if err != nil {
		return nil, nil, fmt.Errorf("acquiring lock %q: %w", r.key, err)
	}
	err = fmt.Errorf("acquiring lock %q: %w: the call did not return", r.key, ErrUnknown) // where the store ends its goroutine
	clock := l.opts.Clock
	first, unknown := clock.Now(), false
	for tries := 0; ; tries++ {
		sent := clock.Now()
		d, err := c.answer(l.store.Modify(call, c))
		switch {
		case err != nil && repeatable(err) && tries < raceTries:
			// The loser of a race of first inserts: nothing was done, and the document exists by now.
			continue
		case err == nil && d == nil:
			// A loser too, on some servers; but no proof that nothing was done.
			err = fmt.Errorf("%w: no document after an upsert", ErrUnknown)
			if unknown = true; tries < raceTries {
				continue
			}
		case err == nil && a.holds(d):
			l.watch.saw(r.key, nil) // what was watched is over
			l.watch.sawToken(r.key, d.Token)
			return l.won(asked, call, r, a, d, sent, unknown)
		case err == nil && plain && l.mayWin(r, d):
			// Written by others, or the failed run of this same Job.
			plain, c.Pipeline, c.step = false, a.pipeline(), a
			continue
		case err == nil:
			l.watch.saw(r.key, d)
			return nil, d, nil
		}
		err = fmt.Errorf("acquiring lock %q: %w", r.key, err)
		l.tell(Event{Kind: EventUnknown, Key: r.key, Call: "acquire", Err: err})
		if errors.Is(err, ErrCollection) {
			l.giveUp(call, r, a, []int64{a.mark}, sent) // it may have been applied, to the other key's document
		}
		if refused(err) && !unknown {
			return nil, nil, err
		}
		unknown = unknown || !unsent(err)
		// Unknown is neither success nor failure: the same nonce again, until a
		// lease that counted from the first try would be over anyway.
		if l.ended(asked) == nil && !errors.Is(err, mongo.ErrClientDisconnected) && clock.Now() < r.timing.Deadline(first) {
			l.rest(asked, backoff(tries, r.timing))
			continue
		}
		if unknown {
			l.giveUp(call, r, a, []int64{a.mark}, sent)
		}
		return nil, nil, err
	}
}

func (a *attempt) holds(d *document) bool {
	return d.nonce == a.nonce && d.State == stateHeld && d.Locked
}

// raceTries is how often the loser of a race of first inserts asks again before the answer counts as unknown.
const raceTries = 8

// backoff is the pause after the n-th call that was not acknowledged (from zero).
func backoff(n int, t Timing) time.Duration {
	d := 50 * time.Millisecond << min(n, 6)
	d = min(d, t.Heartbeat/4)
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads repeats, guards nothing
}

// won makes a lease of an acquisition that the store has shown to be ours. The
// answer to a repeat does not open it: a no-op may be answered by a primary
// that is being rolled back, and others may have watched since the first try.
func (l *Locker) won(asked, call context.Context, r *request, a *attempt, d *document, sent time.Duration, repeat bool) (*Lease, *document, error) {
	lease := newLease(l, r, a, d)
	if repeat {
		if err := lease.confirm(asked, call, r.timing.Deadline(sent)); err != nil {
			if lost := (*LostError)(nil); !errors.As(err, &lost) || lost.Reason != LostTwin {
				l.giveUp(call, r, a, lease.marks.known(), l.opts.Clock.Now())
			}
			return nil, nil, fmt.Errorf("acquiring lock %q: %w", r.key, err)
		}
	} else {
		lease.acknowledged(sent)
	}
	l.leased.Store(true)
	lease.start()
	l.tell(Event{Kind: EventAcquired, Key: r.key, Token: d.Token, Info: &d.Info})
	return lease, nil, nil
}
