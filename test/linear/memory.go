package linear

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// inMemory is a world in one process, for virtual time: every client reaches the store over a bad network.
func inMemory(store mongolock.Store, seed uint64) (w world, end func()) {
	began := time.Now()
	n := &network{store: store, draws: rand.New(rand.NewPCG(seed, 0))}
	w = world{
		name: "in memory",
		open: func(owner string, t mongolock.Timing) (*mongolock.Locker, error) {
			return mongolock.NewWithStore(n, mongolock.Options{Owner: owner, Timing: t, Clock: since(began)})
		},
		look: func(ctx context.Context, keys []string) (map[string]bson.Raw, error) {
			all := map[string]bson.Raw{}
			for _, key := range keys {
				doc, err := store.Find(ctx, key)
				if err != nil {
					return nil, err
				}
				if doc != nil {
					all[key] = doc
				}
			}
			return all, nil
		},
	}
	return w, n.late.Wait
}

// since is a clock under virtual time.
type since time.Time

func (s since) Now() time.Duration { return time.Since(time.Time(s)) }

// network is a way to a store on which calls take their time, and some of them, or their answers, get lost, or come late.
type network struct {
	store mongolock.Store
	late  sync.WaitGroup

	mu    sync.Mutex
	draws *rand.Rand
}

// Modify may do what is asked, and may tell.
func (n *network) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	pause(ctx, n.takes(15*time.Millisecond))
	switch n.draw(100) {
	case 0: // the request is lost
		<-ctx.Done()
	case 1, 2: // the request comes when nobody waits for it any more
		after := n.takes(3 * time.Second)
		n.late.Go(func() {
			pause(context.Background(), after)
			_, _ = n.store.Modify(context.Background(), c)
		})
		<-ctx.Done()
	case 3, 4: // the answer is lost
		_, _ = n.store.Modify(ctx, c)
		<-ctx.Done()
	default:
		doc, err := n.store.Modify(ctx, c)
		pause(ctx, n.takes(15*time.Millisecond))
		if err == nil && ctx.Err() == nil {
			return doc, nil
		}
	}
	return nil, noAnswer(ctx)
}

func noAnswer(ctx context.Context) error {
	return fmt.Errorf("%w: %w", mongolock.ErrUnavailable, context.Cause(ctx))
}

// Find may read.
func (n *network) Find(ctx context.Context, key string) (bson.Raw, error) {
	pause(ctx, n.takes(15*time.Millisecond))
	doc, err := n.store.Find(ctx, key)
	pause(ctx, n.takes(15*time.Millisecond))
	if ctx.Err() != nil {
		return nil, noAnswer(ctx)
	}
	return doc, err
}

func (n *network) draw(of int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.draws.IntN(of)
}

func (n *network) takes(most time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return upTo(n.draws, most)
}
