//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// streamResult is hand-over after a clean release, to one who has a change
// stream. All in ms, from the moment the release is sent.
type streamResult struct {
	banner string
	// total ends when the waiter's Acquire returns. Its parts: commit ends when
	// the release is acknowledged; event when the waiter's stream has it, counted
	// from the commit, and negative where it is faster than the acknowledgement; acquire is the waiter's own calls.
	total, commit, event, acquire []float64
	bare                          []float64 // a findAndModify just before
	calls                         []float64 // of the waiter, from the event on
}

// pollResult is hand-over after a clean release, to one who polls.
type pollResult struct {
	banner string
	poll   time.Duration
	total  []float64 // ms from the acknowledgement of the release to the waiter's lease
}

// handovers measures hand-over after a clean release, with a change stream where the server has one, and without.
func (b *bench) handovers(ctx context.Context) error {
	if err := b.streamHandovers(ctx); err != nil {
		return fmt.Errorf("with a change stream: %w", err)
	}
	if err := b.pollHandovers(ctx); err != nil {
		return fmt.Errorf("by polling: %w", err)
	}
	return nil
}

// arrivals notes when the waiter's change stream brought something, and how many calls followed.
type arrivals struct {
	mu     sync.Mutex
	at     time.Time // of the first batch since clear
	calls  int       // findAndModify and find since clear
	opened bool
}

func (a *arrivals) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.calls = time.Time{}, 0
}

func (a *arrivals) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if e.CommandName == "find" || e.CommandName == "findAndModify" {
				a.calls++
			}
		},
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			a.mu.Lock()
			defer a.mu.Unlock()
			switch {
			case e.CommandName == "aggregate":
				a.opened = true
			case e.CommandName == "getMore" && a.at.IsZero() && batch(e.Reply) > 0:
				a.at = time.Now()
			}
		},
	}
}

// batch is how many documents a getMore brought.
func batch(reply bson.Raw) int {
	list, ok := reply.Lookup("cursor", "nextBatch").ArrayOK()
	if !ok {
		return 0
	}
	values, err := list.Values()
	if err != nil {
		return 0
	}
	return len(values)
}

func (b *bench) streamHandovers(ctx context.Context) (err error) {
	s := b.streams
	var seen arrivals
	plain, err := connect(s.URI, nil)
	if err != nil {
		return err
	}
	watched, err := connect(s.URI, seen.monitor())
	if err != nil {
		return err
	}
	defer func() {
		end := context.WithoutCancel(ctx)
		err = errors.Join(err, plain.Disconnect(end), watched.Disconnect(end))
	}()
	p, err := newPair(ctx, locks(plain, "handover"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.ours.close(context.WithoutCancel(ctx))) }()
	waiting := make(chan struct{}, 1)
	waiter, err := mongolock.New(locks(watched, "handover"), mongolock.Options{Owner: "waiter", Holder: as, ChangeStream: true, Observe: tell(waiting)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, waiter.Close(context.WithoutCancel(ctx))) }()
	// Somebody waits all the time for a key that is never released, so that one stream stays open: it is opened once a wait, not once a hand-over.
	never, err := p.ours.holder.Try(ctx, "never")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, never.Release(context.WithoutCancel(ctx))) }()
	alive, leave := context.WithCancel(ctx)
	var idle sync.WaitGroup
	defer idle.Wait()
	defer leave()
	idle.Go(func() { _, _ = waiter.Acquire(alive, "never") }) // ends with alive
	if err := until(ctx, func() bool { seen.mu.Lock(); defer seen.mu.Unlock(); return seen.opened }); err != nil {
		return fmt.Errorf("waiting for the change stream: %w", err)
	}
	r := &streamResult{banner: s.Banner()}
	for range b.size.handovers {
		if err := b.streamHandover(ctx, p, waiter, waiting, &seen, r); err != nil {
			return err
		}
	}
	b.result.stream = r
	return nil
}

func (b *bench) streamHandover(ctx context.Context, p *pair, waiter *mongolock.Locker, waiting chan struct{}, seen *arrivals, r *streamResult) error {
	t := timings{}
	if err := t.add("bare", func() error { return p.bare.modify(ctx, byID(bareKey), p.bare.held, true) }); err != nil {
		return err
	}
	if err := p.bare.modify(ctx, p.bare.mine, p.bare.free, false); err != nil {
		return err
	}
	lease, err := p.ours.holder.Try(ctx, oursKey)
	if err != nil {
		return err
	}
	drain(waiting)
	got := waitFor(ctx, waiter, oursKey)
	if err := receive(ctx, waiting); err != nil {
		return fmt.Errorf("waiting for the waiter: %w", err)
	}
	// Events of what was done before are not this one's, so let them arrive; and do not step with the stream's own period.
	time.Sleep(50*time.Millisecond + rand.N(100*time.Millisecond))
	seen.clear()
	sent := time.Now()
	if err := lease.Release(ctx); err != nil {
		return err
	}
	acknowledged := time.Now()
	w := <-got
	if w.err != nil {
		return w.err
	}
	seen.mu.Lock()
	at, calls := seen.at, seen.calls
	seen.mu.Unlock()
	if err := w.lease.Release(ctx); err != nil {
		return err
	}
	if at.IsZero() || at.After(w.at) {
		return nil // a poll was faster than the event: no hand-over by the stream
	}
	r.bare = append(r.bare, t["bare"]...)
	r.total = append(r.total, ms(w.at.Sub(sent)))
	r.commit = append(r.commit, ms(acknowledged.Sub(sent)))
	r.event = append(r.event, ms(at.Sub(acknowledged)))
	r.acquire = append(r.acquire, ms(w.at.Sub(at)))
	r.calls = append(r.calls, float64(calls))
	return nil
}

// outcome is what came of an Acquire, and when.
type outcome struct {
	lease *mongolock.Lease
	at    time.Time
	err   error
}

func waitFor(ctx context.Context, waiter *mongolock.Locker, key string) <-chan outcome {
	got := make(chan outcome, 1)
	go func() {
		lease, err := waiter.Acquire(ctx, key)
		got <- outcome{lease, time.Now(), err}
	}()
	return got
}

// pollHandovers hands many keys over at once: each waits for itself, and what they cost together is little.
func (b *bench) pollHandovers(ctx context.Context) (err error) {
	const (
		keys = 20
		poll = 500 * time.Millisecond
	)
	client, err := connect(b.first.URI, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	coll := locks(client, "poll")
	holder, err := mongolock.New(coll, mongolock.Options{Owner: "holder", Holder: as})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, holder.Close(context.WithoutCancel(ctx))) }()
	waiter, err := mongolock.New(coll, mongolock.Options{Owner: "waiter", Holder: as, Poll: poll})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, waiter.Close(context.WithoutCancel(ctx))) }()
	r := &pollResult{banner: b.first.Banner(), poll: poll}
	for len(r.total) < b.size.handovers {
		var (
			all  sync.WaitGroup
			mu   sync.Mutex
			errs []error
		)
		for i := range keys {
			all.Go(func() {
				took, err := pollHandover(ctx, holder, waiter, fmt.Sprintf("poll-%d", i), poll)
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				r.total = append(r.total, took)
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	b.result.poll = r
	return nil
}

func pollHandover(ctx context.Context, holder, waiter *mongolock.Locker, key string, poll time.Duration) (float64, error) {
	lease, err := holder.Try(ctx, key)
	if err != nil {
		return 0, err
	}
	got := waitFor(ctx, waiter, key)
	// The moment of the release is drawn from two polls, so that it has nothing to do with that of a poll.
	time.Sleep(2*poll + rand.N(2*poll))
	if err := lease.Release(ctx); err != nil {
		return 0, err
	}
	freed := time.Now()
	w := <-got
	if w.err != nil {
		return 0, w.err
	}
	return ms(w.at.Sub(freed)), w.lease.Release(ctx)
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// tell sends to a channel of capacity one when somebody begins to wait.
func tell(waiting chan<- struct{}) func(mongolock.Event) {
	return func(e mongolock.Event) {
		if e.Kind == mongolock.EventWaiting && e.Key != "never" {
			select {
			case waiting <- struct{}{}:
			default:
			}
		}
	}
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func receive(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Minute):
		return errors.New("nothing within a minute")
	}
}

// until polls for a condition.
func until(ctx context.Context, done func() bool) error {
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			return errors.New("not within a minute")
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
