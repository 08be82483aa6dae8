package mongolock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// AcquireOption changes one acquisition.
type AcquireOption func(*request)

type request struct {
	key     string
	timing  Timing
	adopt   func() []string
	onNonce func(string) error
	skip    bool
	may     func() bool
}

// TTL gives this acquisition another time to live; the rest of its timing is derived from it.
func TTL(d time.Duration) AcquireOption {
	return func(r *request) { r.timing = Timing{TTL: d, AllowShort: r.timing.AllowShort}.WithDefaults() }
}

// Adopt takes over the lease of an earlier acquisition by its nonce, which the
// caller kept (see [OnNonce]) and which nobody else can know. The caller
// answers for it that no work of that acquisition is going on without it.
func Adopt(nonces ...string) AcquireOption {
	return AdoptFrom(func() []string { return nonces })
}

// AdoptFrom is [Adopt] with nonces that are asked for before each try, for
// callers who may use them only once they hold a lock of their own.
func AdoptFrom(nonces func() []string) AcquireOption {
	return func(r *request) { r.adopt = nonces }
}

// OnNonce is called with each new nonce before it is sent. An error ends the acquisition.
func OnNonce(f func(nonce string) error) AcquireOption {
	return func(r *request) { r.onNonce = f }
}

// SkipIfHeld returns a [*HeldError] instead of waiting on, once it is proved
// that another run does the work: the holder is of another Job (by
// Holder.JobUID) and was seen to renew. A holder of the same Job, and one that
// stands still, are waited for and taken over as ever.
func SkipIfHeld() AcquireOption {
	return func(r *request) { r.skip = true }
}

// Only lets the key be tried only while may is true; it is watched meanwhile.
func Only(may func() bool) AcquireOption {
	return func(r *request) { r.may = may }
}

func (l *Locker) request(key string, opts []AcquireOption) (*request, error) {
	r := &request{key: key, timing: l.opts.Timing, may: func() bool { return true }, adopt: func() []string { return nil }}
	for _, o := range opts {
		o(r)
	}
	errs := []error{CheckKey(key)}
	if err := r.timing.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrConfig, err))
	}
	if l.life.Err() != nil {
		errs = append(errs, ErrClosed)
	}
	return r, errors.Join(errs...)
}

// Try looks once, with one call to the store (a second one proves a done
// record), and returns the lease, a [*HeldError], a [*DoneError], a [*FormatError], or the
// store's error. Where the store does not answer it asks again until ctx ends. What it sees of a holder is kept:
// tries that are repeated for long enough take over from one who fell silent.
func (l *Locker) Try(ctx context.Context, key string, opts ...AcquireOption) (*Lease, error) {
	r, err := l.request(key, opts)
	if err != nil {
		return nil, err
	}
	lease, d, err := l.attempt(ctx, r)
	if lease != nil || err != nil {
		return lease, err
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
func (l *Locker) Acquire(ctx context.Context, key string, opts ...AcquireOption) (*Lease, error) {
	r, err := l.request(key, opts)
	if err != nil {
		return nil, err
	}
	return l.acquire(ctx, r)
}

// With holds the key while f runs, and releases it when f has returned. The
// context that f is given ends when the lease is lost, with the loss as its
// cause: f must stop within the kill budget. The error is f's, or why f did not run
// (as [Locker.Try] says it), or the loss.
func (l *Locker) With(ctx context.Context, key string, f func(ctx context.Context) error, opts ...AcquireOption) (err error) {
	lease, err := l.Try(ctx, key, opts...)
	if err != nil {
		return err
	}
	work, stop := lease.Context(ctx)
	defer stop()
	// The work has ended, by a panic too and whatever became of ctx: give the key back in the time that two calls may take.
	defer func() {
		lost := lease.Err()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*l.opts.Timing.Operation)
		defer cancel()
		if released := lease.Release(end); lost == nil {
			lost = released
		}
		err = errors.Join(err, lost)
	}()
	return f(work)
}

// refusal is the error for a document that is not to be had.
func (l *Locker) refusal(key string, d *document) error {
	switch {
	case d == nil:
		return &HeldError{Info: Info{Key: key}}
	case d.v != Format || d.State != stateHeld && d.State != stateFree && d.State != stateDone:
		return &FormatError{Key: key, Problems: append(d.problems, "nobody may take it")}
	case d.State == stateDone:
		return &DoneError{Info: d.Info}
	default:
		return &HeldError{Info: d.Info, Moving: l.watch.moved(key)}
	}
}

// acquire waits: it polls with plain reads and tries only when a read shows that it may win.
func (l *Locker) acquire(ctx context.Context, r *request) (*Lease, error) {
	wake, unsubscribe := l.hint.subscribe(r.key)
	defer unsubscribe()
	var (
		last     *HeldError
		store    error
		answered bool // by the store, in the round before
	)
	// The first look is a try: uncontended, one call is all there is.
	try := r.may()
	for {
		cut := l.cutShort(ctx)
		lease, d, again, err := l.round(ctx, r, try)
		if lease != nil {
			return lease, nil
		}
		if try = again; try {
			continue
		}

		pause := l.jitter()
		if store = err; err != nil {
			if refused(err) || errors.Is(err, ErrConfig) || errors.Is(err, errNonce) {
				return nil, err
			}
			if answered = answered && cut && isTimeout(err); answered {
				store = nil // the end of the waiting cut the call short, not the store
			}
		} else if last, err = l.judge(r, d); err != nil {
			return nil, err
		} else {
			answered = true
		}
		if _, in, ever := l.watch.ripe(r.key); ever && r.may() {
			// The try is made the moment the watch is ripe.
			pause = min(pause, max(in, time.Millisecond))
		}
		sleep(ctx, pause, wake)
		if cause := l.ended(ctx); cause != nil {
			return nil, &WaitError{Key: r.key, Held: last, Store: store, Cause: cause}
		}
	}
}

// round is one try or one look. again: the look shows that a try may win.
func (l *Locker) round(ctx context.Context, r *request, try bool) (lease *Lease, d *document, again bool, err error) {
	if !try {
		d, err = l.look(ctx, r.key)
		return nil, d, err == nil && r.may() && l.mayWin(r, d), err
	}
	lease, d, err = l.attempt(ctx, r)
	if lease == nil && err == nil && d.State == stateDone {
		// A refused try writes nothing, so its answer may be that of a primary which is being rolled back: no proof.
		d, err = l.look(ctx, r.key)
	}
	return lease, d, false, err
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
	if d == nil || d.State == stateFree && d.v == Format {
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
	l.opts.Observe(Event{Kind: EventWaiting, Key: r.key, Info: &held.Info})
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
	if d.v != Format {
		return false
	}
	if d.State == stateDone {
		return d.Done != nil && d.Done.Outcome == outcomeFailed && l.opts.Holder.JobUID != "" && d.Done.JobUID == l.opts.Holder.JobUID
	}
	if !d.Locked || d.python() {
		return true
	}
	for _, n := range r.adopt() {
		if n == d.nonce && !d.Revoked {
			return true
		}
	}
	b, _, _ := l.watch.ripe(r.key)
	return b != nil
}

func (l *Locker) look(ctx context.Context, key string) (*document, error) {
	d, err := l.read(ctx, key)
	if err != nil {
		l.opts.Observe(Event{Kind: EventUnknown, Key: key, Call: "read", Err: err})
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

// attempt is one acquisition under one nonce. It returns the lease; or the
// document that refuses it; or an error after which the nonce has been given up.
func (l *Locker) attempt(ctx context.Context, r *request) (*Lease, *document, error) {
	a := &attempt{key: r.key, nonce: newNonce(), owner: l.opts.Owner, holder: l.opts.Holder, timing: r.timing, adopt: r.adopt(), seen: l.watch.token(r.key)}
	a.watched, _, _ = l.watch.ripe(r.key)
	if r.onNonce != nil {
		if err := r.onNonce(a.nonce); err != nil {
			return nil, nil, fmt.Errorf("%w of lock %q: %w", errNonce, r.key, err)
		}
	}
	filter, pipeline := bson.D{{Key: "_id", Value: r.key}}, a.pipeline()
	clock := l.opts.Clock
	first, unknown := clock.Now(), false
	for tries := 0; ; tries++ {
		sent := clock.Now()
		d, err := l.modify(ctx, filter, pipeline, true)
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
		case err == nil:
			if d.nonce == a.nonce && d.State == stateHeld && d.Locked {
				l.watch.saw(r.key, nil) // what was watched is over
				l.watch.sawToken(r.key, d.Token)
				return l.won(ctx, r, a, d, sent, unknown)
			}
			l.watch.saw(r.key, d)
			return nil, d, nil
		}
		err = fmt.Errorf("acquiring lock %q: %w", r.key, err)
		l.opts.Observe(Event{Kind: EventUnknown, Key: r.key, Call: "acquire", Err: err})
		if refused(err) && !unknown {
			return nil, nil, err
		}
		unknown = true
		// Unknown is neither success nor failure: the same nonce again, until a
		// lease that counted from the first try would be over anyway.
		if l.ended(ctx) == nil && clock.Now() < r.timing.Deadline(first) {
			sleep(ctx, backoff(tries, l.opts.Timing), nil)
			continue
		}
		l.giveUp(ctx, r.key, a.nonce)
		return nil, nil, err
	}
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
func (l *Locker) won(ctx context.Context, r *request, a *attempt, d *document, sent time.Duration, repeat bool) (*Lease, *document, error) {
	lease := newLease(l, r, a, d)
	if repeat {
		if err := lease.confirm(ctx, r.timing.Deadline(sent)); err != nil {
			l.giveUp(ctx, r.key, a.nonce)
			return nil, nil, fmt.Errorf("acquiring lock %q: %w", r.key, err)
		}
	} else {
		lease.acknowledged(sent)
	}
	l.leased.Store(true)
	lease.start()
	l.opts.Observe(Event{Kind: EventAcquired, Key: r.key, Token: d.Token, Info: &d.Info})
	return lease, nil, nil
}

// giveUp undoes what may still come of an acquisition that was not
// acknowledged. What arrives later than this is a ghost that costs others one
// ttl + grace.
func (l *Locker) giveUp(ctx context.Context, key, nonce string) {
	end := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		// Whoever waited wants to go: a store that does not answer holds them up no longer than this.
		var cancel context.CancelFunc
		end, cancel = context.WithTimeout(end, time.Second)
		defer cancel()
	}
	_, err := l.finish(end, key, &ending{nonce: nonce, try: 1})
	if err != nil {
		l.opts.Observe(Event{Kind: EventUnknown, Key: key, Call: "finish", Err: err})
	}
}

// finish is one request that ends a lease. false: the document shows no trace
// of the nonce, or somebody else has ended it otherwise than e does.
func (l *Locker) finish(ctx context.Context, key string, e *ending) (bool, error) {
	filter := bson.D{
		{Key: "_id", Value: key},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}},
			bson.D{{Key: "lastNonce", Value: e.nonce}},
		}},
	}
	d, err := l.modify(ctx, filter, e.pipeline(), false)
	if err != nil {
		return false, fmt.Errorf("finishing lock %q: %w", key, err)
	}
	return d != nil && (e.done == nil || d.State == stateDone), nil
}
