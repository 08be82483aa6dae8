package mongolock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/memory"
	"github.com/mongogate/mongogate/test/must"
)

// slow is a store whose answers may be waited for.
type slow struct {
	memory.Store
	asked  chan struct{} // receives when a change was made whose answer waits, if it is not nil
	answer chan struct{}
	err    error // what that answer says
}

func (s *slow) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	raw, err := s.Store.Modify(ctx, c)
	if s.asked != nil && c.Upsert {
		s.asked <- struct{}{}
		<-s.answer
		err = errors.Join(err, s.err)
	}
	return raw, err
}

// TestAdoptedLeaseIsNotGivenBack: an earlier process has gone, but for what it has begun. Another takes its lease up, and is told to end at
// that moment: nobody else may have the key at once.
func TestAdoptedLeaseIsNotGivenBack(t *testing.T) {
	for name, said := range map[string]error{"the answer comes": nil, "the answer is lost": mongolock.ErrUnavailable} {
		for what, again := range map[string]bool{"adopted": true, "free": false} {
			t.Run(name+", "+what, func(t *testing.T) {
				store := &slow{answer: make(chan struct{}), err: said}
				l := must.Get(mongolock.NewWithStore(store, mongolock.Options{Owner: "o", Timing: mongolock.Timing{TTL: 10 * time.Second}}))(t)
				defer func() { _ = l.Close(context.Background()) }()
				var opts []mongolock.AcquireOption
				if again {
					before := must.Get(l.Acquire(t.Context(), "key"))(t)
					before.Leave()
					opts = append(opts, mongolock.Adopt(before.Nonce()))
				}
				store.asked = make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					_, err := l.Acquire(ctx, "key", opts...)
					ended <- err
				}()
				<-store.asked
				cancel()
				close(store.answer)
				if err := <-ended; err == nil {
					t.Error("acquired after its context had ended")
				}
				must.Do(t, l.Settle(t.Context()))
				i, err := l.Info(t.Context(), "key")
				if err != nil || (i.State == "held") != again {
					t.Errorf("%s, %v: it is to be held: %v", i.State, err, again)
				}
			})
		}
	}
}

func TestAdopted(t *testing.T) {
	var store memory.Store
	l := must.Get(mongolock.NewWithStore(&store, mongolock.Options{Owner: "o"}))(t)
	defer func() { _ = l.Close(context.Background()) }()
	first := must.Get(l.AcquireAlone(t.Context(), "key@1", "key"))(t)
	first.Leave()
	second := must.Get(l.AcquireAlone(t.Context(), "key@1", "key", mongolock.Adopt(first.Run.Nonce(), first.Job.Nonce())))(t)
	if first.Adopted() || !second.Adopted() {
		t.Errorf("the first is adopted: %v, the second: %v", first.Adopted(), second.Adopted())
	}
	must.Do(t, second.Finish(t.Context(), mongolock.Released))
}
