package memory_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
	"github.com/mongogate/mongogate/pkg/mongolock/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance runs the suite that every store has to pass.
func TestConformance(t *testing.T) { locktest.Run(t, &byHand{}, locktest.Features{}) }

// byHand is the store with what somebody does to it by hand.
type byHand struct{ memory.Store }

func (s *byHand) Locker(o mongolock.Options) (*mongolock.Locker, error) {
	return mongolock.NewWithStore(&s.Store, o)
}

func (s *byHand) Get(ctx context.Context, key string) (bson.Raw, error) { return s.Find(ctx, key) }

func (s *byHand) Insert(_ context.Context, document bson.D) error {
	raw, err := bson.Marshal(document)
	s.Edit(bson.Raw(raw).Lookup("_id").StringValue(), func(bson.Raw) bson.Raw { return raw })
	return err
}

func (s *byHand) Set(_ context.Context, key string, fields bson.D) (err error) {
	s.Edit(key, func(document bson.Raw) bson.Raw {
		var d bson.D
		if err = bson.Unmarshal(document, &d); err != nil {
			return document
		}
		for _, f := range fields {
			if i := slices.IndexFunc(d, func(e bson.E) bool { return e.Key == f.Key }); i >= 0 {
				d[i] = f
			} else {
				d = append(d, f)
			}
		}
		document, err = bson.Marshal(d)
		return document
	})
	return err
}

func (s *byHand) Delete(_ context.Context, key string) error {
	s.Edit(key, func(bson.Raw) bson.Raw { return nil })
	return nil
}

// A program's test holds a lock without a database, and takes it away.
func Example() {
	var store memory.Store
	locker, err := mongolock.NewWithStore(&store, mongolock.Options{Owner: "me", Timing: mongolock.Timing{TTL: time.Second, AllowShort: true}})
	if err != nil {
		panic(err)
	}
	defer func() { _ = locker.Close(context.Background()) }()
	lease, err := locker.Acquire(context.Background(), "reports")
	if err != nil {
		panic(err)
	}
	fmt.Println("held:", lease.Held())
	store.Edit("reports", func(bson.Raw) bson.Raw { return nil })
	<-lease.Done()
	fmt.Println("lost:", lease.Err())
	// Output:
	// held: true
	// lost: lock "reports" lost: the store no longer has this lease
}
