package mongolock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// What servers do by themselves: fail points, a step-down, races of first inserts, a change stream that breaks.

// failCommand makes the server fail some of the named commands of our own clients.
func failCommand(t *testing.T, l *Locker, mode any, data bson.D) {
	t.Helper()
	admin := l.conn.current().coll.Database().Client().Database("admin")
	set := func(mode any, data bson.D) error {
		return admin.RunCommand(context.Background(), bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: mode}, {Key: "data", Value: data}}).Err()
	}
	must.Do(t, set(mode, data))
	t.Cleanup(func() { must.Do(t, set("off", bson.D{})) })
}

func times(n int32) bson.D { return bson.D{{Key: "times", Value: n}} }

func failing(more ...bson.E) bson.D {
	return append(bson.D{{Key: "failCommands", Value: bson.A{"findAndModify"}}}, more...)
}

var noMajority = bson.E{Key: "writeConcernError", Value: bson.D{{Key: "code", Value: int32(64)}, {Key: "codeName", Value: "WriteConcernTimeout"}, {Key: "errmsg", Value: "waiting for replication timed out"}}} //nolint:gochecknoglobals // a constant

func TestP4_WriteConcernErrorOfARealServer(t *testing.T) {
	w := newWire(t, sharedServer(t, devdb.FailPoints))
	l := w.through(t)
	failCommand(t, w.direct, times(1), failing(noMajority))
	sent := w.commands()
	kept(t)(l.Try(t.Context(), "key"))
	if n := sent()["findAndModify"]; n != 3 || w.seen(EventUnknown, "acquire") != 1 {
		t.Errorf("%d calls and %d events, want acquire, acquire, renewal", n, w.seen(EventUnknown, "acquire"))
	}
}

// TestP3_WriteConcernErrorDoesNotFeedTheWatch: the holder that it shows may never have been.
func TestP3_WriteConcernErrorDoesNotFeedTheWatch(t *testing.T) {
	w := newWire(t, sharedServer(t, devdb.FailPoints))
	must.Get(w.direct.conn.current().coll.InsertOne(t.Context(), oursWith(bson.M{"_id": "key"})))(t)
	b := w.through(t, func(o *Options) { o.Owner = "b" })
	failCommand(t, w.direct, "alwaysOn", failing(noMajority))
	ctx := within(t, time.Second)
	if _, err := b.Try(ctx, "key"); err == nil || errors.As(err, new(*HeldError)) {
		t.Errorf("%v, want unknown", err)
	}
	if _, _, ever := b.watch.ripe("key"); ever {
		t.Error("the watch has begun with an answer that no majority gave")
	}
	if n := w.seen(EventUnknown, "acquire"); n == 0 {
		t.Error("no call failed: the fail point is not in force")
	}
}

func TestP4_ErrorsOfARealServer(t *testing.T) {
	for name, data := range map[string]bson.D{
		"closed connection": failing(bson.E{Key: "closeConnection", Value: true}),
		"not primary":       failing(bson.E{Key: "errorCode", Value: int32(10107)}),
		"interrupted":       failing(bson.E{Key: "errorCode", Value: int32(11602)}),
		"shut down":         failing(bson.E{Key: "errorCode", Value: int32(91)}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, sharedServer(t, devdb.FailPoints))
			l := w.through(t)
			failCommand(t, w.direct, times(2), data)
			lease := kept(t)(l.Try(t.Context(), "key"))
			// The driver may take the server for unknown until it has looked again, and fail calls by itself.
			if n := w.seen(EventUnknown, "acquire"); n < 2 {
				t.Errorf("%d calls failed, want at least 2", n)
			}
			if raw := w.raw(t, "key"); raw.Lookup("nonce").StringValue() != lease.Nonce() || raw.Lookup("beat").AsInt64() < 1 {
				t.Errorf("the document is %v", raw)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		w := newWire(t, sharedServer(t, devdb.FailPoints))
		l := w.through(t)
		failCommand(t, w.direct, "alwaysOn", failing(bson.E{Key: "errorCode", Value: int32(13)}))
		sent := w.commands()
		if _, err := l.Acquire(t.Context(), "key"); err == nil || errors.As(err, new(*WaitError)) {
			t.Errorf("%v, want the refusal", err)
		}
		if n := sent()["findAndModify"]; n != 1 {
			t.Errorf("%d calls, want one", n)
		}
	})
}

func TestP5_StepDownWithinTheLease(t *testing.T) {
	s := devdbtest.Start(t, devdb.StepDown)
	w := newWire(t, s)
	l := w.connect(t, s.URI, func(o *Options) {
		o.Timing = Timing{TTL: 20 * time.Second, Heartbeat: 300 * time.Millisecond, Operation: 2 * time.Second}
	})
	lease := kept(t)(l.Try(t.Context(), "key"))
	ctx := within(t, 10*time.Second)
	err := w.direct.conn.current().coll.Database().Client().Database("admin").RunCommand(ctx, bson.D{{Key: "replSetStepDown", Value: int32(3)}, {Key: "force", Value: true}}).Err()
	if err != nil {
		t.Logf("stepping down: %v", err) // some servers close the connection instead of answering
	}
	must.Happen(t, "a renewal that fails", func() bool { return w.seen(EventUnknown, "renew") > 0 })
	before := lease.Deadline()
	must.Happen(t, "a renewal after the step-down", func() bool { return lease.Deadline() > before })
	if !lease.Held() || w.seen(EventLost, "") > 0 {
		t.Error(lease.Err())
	}
}

// TestP2_FirstAcquiresOfManyAtOnce: 40 keys, 24 contenders each, no document yet.
func TestP2_FirstAcquiresOfManyAtOnce(t *testing.T) {
	for _, need := range []devdb.Need{0, devdb.ChangeStreams} {
		s := sharedServer(t, need)
		t.Run(string(s.Kind), func(t *testing.T) {
			const keys, contenders = 40, 24
			w := newWire(t, s)
			lockers := make([]*Locker, 4)
			for i := range lockers {
				lockers[i] = w.connect(t, s.URI, func(o *Options) { o.Timing = Timing{TTL: time.Minute} })
			}
			var (
				mu      sync.Mutex
				winners = map[string]int{}
				tokens  = map[string]int64{}
				wg      sync.WaitGroup
			)
			for k := range keys {
				for c := range contenders {
					wg.Go(func() {
						key := fmt.Sprint("key-", k)
						lease, err := lockers[c%len(lockers)].Try(t.Context(), key)
						if err != nil {
							if !errors.As(err, new(*HeldError)) {
								t.Error(err)
							}
							return
						}
						mu.Lock()
						winners[key]++
						tokens[key] = lease.Token()
						mu.Unlock()
						t.Cleanup(func() { _ = lease.Release(context.Background()) })
					})
				}
			}
			wg.Wait()
			for k := range keys {
				key := fmt.Sprint("key-", k)
				if winners[key] != 1 {
					t.Errorf("%s: %d winners, want 1", key, winners[key])
				} else if stored := w.raw(t, key).Lookup("token").AsInt64(); stored != tokens[key] {
					t.Errorf("%s: the winner's token is %d, the document's %d", key, tokens[key], stored)
				}
			}
			t.Logf("%d first acquires of %d keys: %d winners", keys*contenders, keys, len(winners))
		})
	}
}

// TestIsHeldInATransactionOfAnotherClient: Connect shows no client of its own, so the session is the caller's.
func TestIsHeldInATransactionOfAnotherClient(t *testing.T) {
	s := sharedServer(t, devdb.ChangeStreams) // which has sessions
	w := newWire(t, s)
	l := w.connect(t, s.URI)
	lease := kept(t)(l.Try(t.Context(), "key"))
	client := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI)))(t)
	defer func() { must.Do(t, client.Disconnect(context.Background())) }()
	session := must.Get(client.StartSession())(t)
	defer session.EndSession(t.Context())
	ctx := mongo.NewSessionContext(t.Context(), session)
	if err := lease.IsHeld(ctx); err != nil {
		t.Errorf("held: %v", err)
	}
	// In a transaction, where the server has them.
	commit := func() error {
		_, err := session.WithTransaction(t.Context(), func(ctx context.Context) (any, error) { return nil, lease.IsHeld(ctx) })
		return err
	}
	var ce mongo.CommandError
	if err := commit(); errors.As(err, &ce) && ce.Code == 20 {
		t.Logf("%s has no transactions: %v", s.Name, err)
	} else if err != nil {
		t.Errorf("held, in a transaction: %v", err)
	}
	must.Get(w.direct.ForceReleaseNow(t.Context(), "key"))(t)
	if err := lease.IsHeld(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("lost: %v", err)
	}
	if err := commit(); err == nil {
		t.Error("committed under a lease that is lost")
	}
}
