package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// world is where a history takes place.
type world struct {
	name string
	open func(owner string, t mongolock.Timing) (*mongolock.Locker, error)
	look look
	// faults are what may befall the database, one after the other. Each is over when it returns.
	faults []fault
	// weak: see [settled].
	weak bool
}

// fault is something that befalls a database.
type fault struct {
	name string
	run  func(ctx context.Context, draws *rand.Rand) error
}

// plan is what a history is made of.
type plan struct {
	clients, keys int
	// answers are the fewest, faults how many befall the database, lasts the shortest time.
	answers, faults int
	lasts           time.Duration
	// pace is the mean pause of a client between two calls.
	pace   time.Duration
	timing mongolock.Timing
	seed   uint64
}

// usual is a plan with short leases, so that some run out in every history.
func usual(seed uint64) plan {
	return plan{
		clients: 6, keys: 5, answers: 200, faults: 4, lasts: 5 * time.Second, pace: 40 * time.Millisecond, seed: seed,
		timing: mongolock.Timing{
			TTL: 1200 * time.Millisecond, Heartbeat: 200 * time.Millisecond, Operation: 250 * time.Millisecond,
			KillBudget: 100 * time.Millisecond, Grace: 100 * time.Millisecond, AllowShort: true,
		},
	}
}

// dealt are so many faults: those of turns that follow each other are all that there are, in an order that changes.
func (w world) dealt(turn uint64, n int) (some []fault) {
	if n == 0 {
		return nil
	}
	turns := uint64((len(w.faults) + n - 1) / n)
	order := rand.New(rand.NewPCG(turn/turns, 0)).Perm(len(w.faults))
	for i := range n {
		some = append(some, w.faults[order[(int(turn%turns)*n+i)%len(order)]])
	}
	return some
}

// longest is how long a history may take.
const longest = 2 * time.Minute

// history is what happened.
type history struct {
	world      string
	weak       bool
	silence    time.Duration // of a holder that may be replaced
	operations []operation
	faults     []string
	keys       []string
	pages      []page
}

func owner(client int) string { return fmt.Sprint("client-", client) }

// run has a history. The error is of what could not be tried.
func (p plan) run(ctx context.Context, w world) (h *history, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	h = &history{world: w.name, weak: w.weak, silence: p.timing.Silence()}
	for i := range p.keys {
		h.keys = append(h.keys, fmt.Sprint("key-", i))
	}
	b := &book{began: time.Now()}
	clients, closeAll, err := p.begin(w, b)
	defer func() { err = errors.Join(err, closeAll(context.WithoutCancel(ctx))) }()
	if err != nil {
		return nil, err
	}
	s := &scribe{look: w.look, keys: h.keys, now: b.now}
	end := s.begin()
	defer end()
	if h.faults, err = p.goesOn(ctx, w, clients, h.keys, b); err != nil {
		return nil, err
	}
	if err := comesToRest(ctx, clients, h.keys); err != nil {
		return nil, err
	}
	end()
	if err := s.last(ctx); err != nil {
		return nil, err
	}
	h.operations, h.pages = b.all, s.pages
	return h, nil
}

// begin makes the clients.
func (p plan) begin(w world, b *book) (clients []*client, closeAll func(context.Context) error, err error) {
	closeAll = func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		for _, c := range clients {
			err = errors.Join(err, c.locker.Close(ctx))
		}
		return err
	}
	for i := range p.clients {
		l, err := w.open(owner(i), p.timing)
		if err != nil {
			return nil, closeAll, fmt.Errorf("client %d: %w", i, err)
		}
		draws := rand.New(rand.NewPCG(p.seed, uint64(i)+2))
		clients = append(clients, &client{number: i, locker: l, book: b, draws: draws, leases: map[string]*mongolock.Lease{}})
	}
	return clients, closeAll, nil
}

// goesOn lets the clients work while things befall the database.
func (p plan) goesOn(ctx context.Context, w world, clients []*client, keys []string, b *book) (faults []string, err error) {
	draws := rand.New(rand.NewPCG(p.seed, 1))
	working, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	for _, c := range clients {
		wait.Go(func() { c.works(working, keys, p.pace) })
	}
	for _, f := range w.dealt(p.seed/2, p.faults) {
		pause(ctx, 200*time.Millisecond+upTo(draws, 400*time.Millisecond))
		faults = append(faults, f.name)
		if err := f.run(ctx, draws); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for b.now() < p.lasts || b.count() < p.answers {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("only %d answers in %v, want %d: %w", b.count(), b.now(), p.answers, context.Cause(ctx))
		}
		pause(ctx, 20*time.Millisecond)
	}
	return faults, nil
}

// comesToRest waits until nothing is under way any more, and reads what is left of each key.
func comesToRest(ctx context.Context, clients []*client, keys []string) error {
	for _, c := range clients {
		if err := c.locker.Settle(ctx); err != nil {
			return fmt.Errorf("client %d has not come to rest: %w", c.number, err)
		}
	}
	for _, key := range keys {
		for clients[0].read(key).got == unknown {
			if ctx.Err() != nil {
				return fmt.Errorf("key %s could not be read at the end: %w", key, context.Cause(ctx))
			}
		}
	}
	return nil
}

func upTo(draws *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(draws.Int64N(int64(d)))
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
