package mongolock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// AcquireOption changes one acquisition. An option that has no effect on a call is refused with [ErrConfig].
type AcquireOption func(*request)

// request is one acquisition as it was asked for.
type request struct {
	key     string
	timing  Timing
	adopt   func() []string
	onNonce func(string) error
	skip    bool
	may     func() bool
	// alone is true where the request may win when others may not: it does not stand in line behind them.
	alone bool
	// limit is how long to wait: forever where it is negative, not at all where it is zero.
	limit time.Duration
	wrong []error
}

func (r *request) refuse(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
}

// TTL gives this acquisition another time to live. What the Locker derives from its ttl (heartbeat, operation timeout,
// kill budget, grace) is derived from this one. A heartbeat or an operation timeout that [Options] set keeps its proportion to the
// ttl; a kill budget or a grace that they set is kept, for it belongs to the work or to the clocks. A sum that does not
// add up is refused, as in [Options].
func TTL(d time.Duration) AcquireOption {
	return func(r *request) {
		if d <= 0 {
			r.refuse("TTL(%v): must be positive", d)
			return
		}
		r.timing = r.timing.at(d)
	}
}

// at is this timing, whose fields are filled in, with another ttl.
func (t Timing) at(ttl time.Duration) Timing {
	derived := Timing{TTL: t.TTL}.WithDefaults()
	scaled := func(d time.Duration) time.Duration {
		return time.Duration(float64(d) * (float64(ttl) / float64(t.TTL)))
	}
	next := Timing{TTL: ttl, AllowShort: t.AllowShort}
	if t.Heartbeat != derived.Heartbeat {
		next.Heartbeat = scaled(t.Heartbeat)
	}
	if t.Operation != derived.Operation {
		next.Operation = scaled(t.Operation)
	}
	if t.KillBudget != derived.KillBudget {
		next.KillBudget = t.KillBudget
	}
	if t.Grace != derived.Grace {
		next.Grace = t.Grace
	}
	return next.WithDefaults()
}

// Adopt takes over the lease of an earlier acquisition by its nonce, which the
// caller kept (see [OnNonce]) and which nobody else can know. The caller
// answers for it that no work of that acquisition is going on without it.
func Adopt(nonces ...string) AcquireOption {
	return func(r *request) {
		if slices.Contains(nonces, "") {
			r.refuse("Adopt(%q): want nonces that are not empty", nonces)
			return
		}
		if len(nonces) > 0 { // there may be none to adopt
			AdoptFrom(func() []string { return nonces })(r)
		}
	}
}

// AdoptFrom is [Adopt] with nonces that are asked for before each try, for
// callers who may use them only once they hold a lock of their own. Empty ones are left out.
func AdoptFrom(nonces func() []string) AcquireOption {
	return func(r *request) {
		if nonces == nil {
			r.refuse("AdoptFrom(nil): want a function")
			return
		}
		r.alone = true
		r.adopt = func() []string {
			return slices.DeleteFunc(slices.Clone(nonces()), func(n string) bool { return n == "" })
		}
	}
}

// OnNonce is called with each new nonce before it is sent. An error ends the acquisition.
func OnNonce(f func(nonce string) error) AcquireOption {
	return func(r *request) {
		if f == nil {
			r.refuse("OnNonce(nil): want a function")
			return
		}
		r.onNonce = f
	}
}

// SkipIfHeld returns a [*HeldError] instead of waiting on, once it is proved
// that another run does the work: the holder is of another Job (by
// Holder.JobUID) and was seen to renew. A holder of the same Job, and one that
// stands still, are waited for and taken over as ever. A call that looks once returns a [*HeldError] of any holder.
func SkipIfHeld() AcquireOption {
	return func(r *request) { r.skip, r.alone = true, true }
}

// Only lets the key be tried only while may is true; it is watched meanwhile. A call that looks once asks once, and
// returns [ErrNotTried] where may is false and nobody holds the key.
func Only(may func() bool) AcquireOption {
	return func(r *request) {
		if may == nil {
			r.refuse("Only(nil): want a function")
			return
		}
		r.may, r.alone = may, true
	}
}

// Within ends the waiting after d with a [*WaitError] whose cause is [ErrTimeout]. Zero does not wait at all: the key is
// looked at once, as [Locker.Try] does, for which nothing else can be asked.
func Within(d time.Duration) AcquireOption {
	return func(r *request) {
		if d < 0 {
			r.refuse("Within(%v): must not be negative", d)
			return
		}
		r.limit = d
	}
}

// ErrTimeout is the cause of a [*WaitError] where [Within] has ended the waiting.
var ErrTimeout = fmt.Errorf("timed out: %w", context.DeadlineExceeded)

// ErrNotTried is returned by calls that look once for a key that nobody holds and that [Only] did not let them try.
var ErrNotTried = errors.New("not tried: Only did not allow it")

const forEver = time.Duration(-1)

// request is what a call that waits was asked for.
func (l *Locker) request(key string, opts []AcquireOption) (*request, error) {
	r := &request{
		key: key, timing: l.opts.Timing, limit: forEver,
		may: func() bool { return true }, adopt: func() []string { return nil },
	}
	for _, o := range opts {
		if o == nil {
			r.refuse("an option is nil")
			continue
		}
		o(r)
	}
	if r.timing == l.opts.Timing && len(r.wrong) == 0 && l.life.Err() == nil { // which was looked at when the Locker was made
		return r, CheckKey(key)
	}
	errs := append([]error{CheckKey(key)}, r.wrong...)
	if err := r.timing.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrConfig, err))
	}
	if l.life.Err() != nil {
		errs = append(errs, ErrClosed)
	}
	return r, errors.Join(errs...)
}

// requestOnce is what a call that never waits was asked for.
func (l *Locker) requestOnce(key string, opts []AcquireOption) (*request, error) {
	r, err := l.request(key, opts)
	if r.limit <= 0 {
		return r, err
	}
	return r, errors.Join(err, fmt.Errorf("%w: Within(%v): Try never waits; use Acquire or With", ErrConfig, r.limit))
}

// waiting is ctx for as long as r may wait.
func (r *request) waiting(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, r.limit, ErrTimeout)
}
