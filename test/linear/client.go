package linear

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// book is where operations are written down.
type book struct {
	began time.Time
	mu    sync.Mutex
	all   []operation
	// answered are the calls that got an answer.
	answered int
}

func (b *book) now() time.Duration { return time.Since(b.began) }

// note writes an operation down, with the times around it. It has no outcome where there was nothing to write.
func (b *book) note(o operation, do func(*operation)) operation {
	o.call = b.now()
	do(&o)
	o.back = b.now()
	if o.got == "" {
		return o
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, o)
	if o.do != rely && o.got != unknown {
		b.answered++
	}
	return o
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered
}

// client is one process, as far as the lock knows.
type client struct {
	number int
	locker *mongolock.Locker
	book   *book
	draws  *rand.Rand
	leases map[string]*mongolock.Lease
}

// works does one thing after the other until ctx ends; what has begun comes to its end.
func (c *client) works(ctx context.Context, keys []string, pace time.Duration) {
	for ctx.Err() == nil {
		key := keys[c.draws.IntN(len(keys))]
		if lease := c.leases[key]; lease != nil {
			c.holds(lease)
		} else {
			c.wants(key)
		}
		pause(ctx, time.Duration(c.draws.Int64N(int64(2*pace))))
	}
}

// holds does something with a lease.
func (c *client) holds(lease *mongolock.Lease) {
	c.rely(lease)
	draw := c.draws.IntN(100)
	switch {
	case lease.Err() != nil:
		delete(c.leases, lease.Key())
		if draw < 70 {
			c.finish(lease, mongolock.Released)
		}
	case draw < 45:
		c.renew(lease)
		c.rely(lease)
	case draw < 67:
		c.finish(lease, mongolock.Released)
	case draw < 75:
		c.finish(lease, mongolock.Succeeded)
	case draw < 89: // as one who dies
		delete(c.leases, lease.Key())
		lease.Leave()
	case draw < 96:
		c.read(lease.Key())
	default:
		c.revoke(lease.Key())
	}
}

// wants does something with a key that it does not hold.
func (c *client) wants(key string) {
	switch draw := c.draws.IntN(100); {
	case draw < 74:
		c.acquire(key)
	case draw < 93:
		c.read(key)
	case draw < 97:
		c.revoke(key)
	default:
		c.force(key)
	}
}

// within is how long a call may take.
func (c *client) within(least, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), least+time.Duration(c.draws.Int64N(int64(most-least))))
}

func (c *client) acquire(key string) {
	ctx, cancel := c.within(100*time.Millisecond, 600*time.Millisecond)
	defer cancel()
	c.book.note(operation{client: c.number, key: key, do: acquire}, func(o *operation) {
		lease, err := c.locker.Try(ctx, key)
		o.err = err
		var (
			isHeld *mongolock.HeldError
			isDone *mongolock.DoneError
		)
		switch {
		case err == nil:
			o.got, o.token = ok, lease.Token()
			c.leases[key] = lease
		case errors.As(err, &isHeld):
			o.got, o.shown, o.isRevoked, o.err = held, isHeld.Info.Token, isHeld.Info.Revoked, nil
			if isHeld.Info.State != "held" { // what the call had acquired was ended by others before it was told
				o.got = odd
			}
		case errors.As(err, &isDone):
			o.got, o.err = done, nil
		default:
			o.got = unknown
		}
	})
}

func (c *client) renew(lease *mongolock.Lease) {
	ctx, cancel := c.within(100*time.Millisecond, 600*time.Millisecond)
	defer cancel()
	c.book.note(operation{client: c.number, key: lease.Key(), do: renew, token: lease.Token()}, func(o *operation) {
		o.answer(lease.Renew(ctx))
	})
}

func (c *client) finish(lease *mongolock.Lease, as mongolock.Outcome) {
	delete(c.leases, lease.Key())
	ctx, cancel := c.within(200*time.Millisecond, time.Second)
	defer cancel()
	c.book.note(operation{client: c.number, key: lease.Key(), do: finish, token: lease.Token(), leavesRecord: as == mongolock.Succeeded}, func(o *operation) {
		o.answer(lease.Finish(ctx, as))
	})
}

// rely asks the lease alone.
func (c *client) rely(lease *mongolock.Lease) {
	c.book.note(operation{client: c.number, key: lease.Key(), do: rely, token: lease.Token()}, func(o *operation) {
		if lease.Held() {
			o.got = ok
		}
	})
}

func (c *client) read(key string) operation {
	ctx, cancel := c.within(100*time.Millisecond, 600*time.Millisecond)
	defer cancel()
	return c.book.note(operation{client: c.number, key: key, do: read}, func(o *operation) {
		info, err := c.locker.Info(ctx, key)
		if o.answer(err); o.got == ok {
			o.got, o.shown, o.isRevoked = outcome(info.State), info.Token, info.Revoked
		}
	})
}

func (c *client) revoke(key string) {
	ctx, cancel := c.within(100*time.Millisecond, 600*time.Millisecond)
	defer cancel()
	c.book.note(operation{client: c.number, key: key, do: revoke}, func(o *operation) {
		info, err := c.locker.Revoke(ctx, key)
		if o.answer(err); o.got == ok {
			o.shown = info.Token
		}
	})
}

func (c *client) force(key string) {
	ctx, cancel := c.within(100*time.Millisecond, 600*time.Millisecond)
	defer cancel()
	c.book.note(operation{client: c.number, key: key, do: force}, func(o *operation) {
		info, err := c.locker.ForceReleaseNow(ctx, key)
		if o.answer(err); o.got == ok {
			o.shown = info.Token
		}
	})
}

// answer is what the error of a call says.
func (o *operation) answer(err error) {
	o.err = err
	var loss *mongolock.LostError
	switch {
	case err == nil:
		o.got = ok
	case errors.As(err, &loss):
		switch loss.Reason {
		case mongolock.LostTaken:
			o.got = lost
		case mongolock.LostRevoked:
			o.got = revoked
		case mongolock.LostDeadline, mongolock.LostClosed: // the lease's own clock says so, and the store nothing
			o.got = unknown
		default: // nobody has a twin here
			o.got = odd
		}
	case errors.Is(err, mongolock.ErrNotHeld):
		o.got, o.err = idle, nil
	case errors.Is(err, mongolock.ErrNoLock):
		o.got, o.err = absent, nil
	case errors.Is(err, mongolock.ErrUnknown):
		o.got = unknown
	default:
		o.got = odd
	}
}
