//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/unread"
	"github.com/mongogate/mongogate/test/witness"
)

// kindObserver is of the library; the others are gates.
const kindObserver = "unread: a library's observer that never returns"

// unreads are all kinds in which nobody outside takes what a gate has for them.
func unreads() []task {
	var all []task
	for _, k := range unread.Kinds() {
		all = append(all, task{kind: "unread: " + k.Name, try: func(ctx context.Context, t *Trial) (Measure, error) { return nobodyReads(ctx, t, k) }})
	}
	return append(all, task{kind: kindObserver, try: observerNeverReturns})
}

// nobodyReads: an outage of half a ttl costs no lease. The gate that loses its lease in a longer one ends in time, nothing of its
// workload is left within a ttl, and the challenger takes over.
func nobodyReads(ctx context.Context, t *Trial, k unread.Kind) (m Measure, err error) {
	o, err := t.order("a", true, witness.Work{})
	if err != nil {
		return m, err
	}
	if k.InPod {
		if o.Binary, err = t.rig.inPod(); err != nil {
			return m, err
		}
	}
	blocked, err := k.Block()
	if err != nil {
		return m, err
	}
	defer func() { _ = blocked.Close() }() // whatever the gate has done to it
	o.Env, o.Stderr = append(unread.Environment(), blocked.Env...), blocked.Stderr
	a, err := t.Start(o)
	if err != nil {
		return m, err
	}
	_, err = t.Holds(ctx, a)
	if err := errors.Join(err, blocked.Begin()); err != nil {
		return m, err
	}
	b, err := t.challenges(ctx)
	if err != nil {
		return m, err
	}
	if err := t.outage(ctx, func() (bool, error) { return a.HasEnded(), nil }, func() (time.Duration, error) {
		l, err := a.Lease()
		return l.Deadline - unread.Timing().Deadline(0), err
	}); err != nil {
		return m, err
	}
	time.Sleep(rand.N(unread.Timing().Heartbeat))
	if err := a.Lives(); err != nil {
		return m, err
	}
	t.proxy.Freeze()
	from := t.rig.clock.Now()
	gone, err := t.Gone(ctx, a)
	if err != nil {
		return m, err
	}
	_, late := t.took(from, gone, unread.Timing().TTL, "after the database had been cut off, the workload was verified gone")
	if err := t.Ends(ctx, a, lost); err != nil {
		return m, err
	}
	m, slow := t.took(from, t.rig.clock.Now(), unread.EndsWithin, "after the database had been cut off, the gate ended")
	if _, err := t.Started(ctx, b); err != nil {
		return m, err
	}
	if err := t.over(ctx, b); err != nil {
		return m, err
	}
	return m, errors.Join(late, slow)
}

// challenges starts a gate beside the holder, whose log somebody reads, and which waits.
func (t *Trial) challenges(ctx context.Context) (*Gate, error) {
	o, err := t.order("b", false, witness.Work{})
	if err != nil {
		return nil, err
	}
	o.Env = unread.Environment()
	b, err := t.Start(o)
	if err != nil {
		return nil, err
	}
	return b, t.Waits(ctx, b)
}

// outage is one of half a ttl, at any moment, after which a lease that has not ended is renewed by a request that was sent after it.
func (t *Trial) outage(ctx context.Context, over func() (bool, error), sent func() (time.Duration, error)) error {
	time.Sleep(rand.N(unread.Timing().Heartbeat))
	from := t.rig.clock.Now()
	t.proxy.Freeze()
	time.Sleep(unread.Outage)
	t.proxy.Heal()
	healed := t.rig.clock.Now()
	return until(ctx, "the lease is renewed after the outage", func() (bool, error) {
		ended, err := over()
		if ended && err == nil {
			err = errors.New("the lease was lost by an outage of half a ttl")
			if t.rig.stalls.during(from, t.rig.clock.Now()) {
				err = fmt.Errorf("%w: the machine let nobody run, and %w", errDisturbed, err)
			}
		}
		if err != nil {
			return false, err
		}
		at, err := sent()
		return at > healed, err
	})
}

// observerNeverReturns is the same for a lease of the library: it is over before a challenger's workload runs, and release and Close
// return in time.
func observerNeverReturns(ctx context.Context, t *Trial) (m Measure, err error) {
	uri, err := t.proxy.URI(t.rig.Server.URI)
	if err != nil {
		return m, err
	}
	end := make(chan struct{})
	defer close(end)
	l, err := mongolock.Connect(uri, mongolock.Options{Database: t.rig.database, Owner: "library", Timing: unread.Timing(), Observe: func(mongolock.Event) { <-end }})
	if err != nil {
		return m, err
	}
	lease, err := l.Acquire(ctx, t.key)
	if err != nil {
		return m, errors.Join(err, l.Close(ctx))
	}
	b, err := t.challenges(ctx)
	if err == nil {
		err = t.outage(ctx, func() (bool, error) { return !lease.Held(), nil }, func() (time.Duration, error) {
			return lease.Deadline() - unread.Timing().Deadline(0), nil
		})
	}
	if err != nil {
		return m, errors.Join(err, l.Close(ctx))
	}
	time.Sleep(rand.N(unread.Timing().Heartbeat))
	t.proxy.Freeze()
	from := t.rig.clock.Now()
	select {
	case <-lease.Done():
	case <-ctx.Done():
		return m, fmt.Errorf("waiting for the end of the lease: %w", context.Cause(ctx))
	}
	over := t.rig.clock.Now()
	_, late := t.took(from, over, unread.Timing().Deadline(0)+unread.Timing().KillBudget, "after the database had been cut off, the lease said so")
	_ = lease.Release(ctx) // in vain: the store is away
	_ = l.Close(ctx)
	m, slow := t.took(from, t.rig.clock.Now(), unread.EndsWithin, "after the database had been cut off, release and Close returned")
	first, err := t.Started(ctx, b)
	if err != nil {
		return m, err
	}
	if first.At < over {
		return m, fmt.Errorf("the challenger ran %v before the lease was over", over-first.At)
	}
	if first.Token <= lease.Token() {
		return m, fmt.Errorf("the challenger's token is %d, the lease had %d", first.Token, lease.Token())
	}
	if err := t.over(ctx, b); err != nil {
		return m, err
	}
	return m, errors.Join(late, slow)
}
