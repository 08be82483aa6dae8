package fakemongo

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// connect connects a process as the lock does: majority, primary, no retries, short deadlines.
func connect(t *testing.T, c *Cluster, process int) (*mongo.Collection, func()) {
	t.Helper()
	client := must.Get(mongo.Connect(c.ClientOptions(process).SetRetryWrites(false).SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()).
		SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(2 * time.Second).SetHeartbeatInterval(time.Second)))(t)
	return client.Database("mongolock").Collection("lock"), func() {
		if err := Disconnect(client, 2*time.Second); err != nil {
			t.Error(err)
		}
	}
}

// modify is one findAndModify with a deadline of its own; the document is nil if there was none.
func modify(coll *mongo.Collection, timeout time.Duration, filter, update any, upsert bool) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	raw, err := coll.FindOneAndUpdate(ctx, wide(filter), wide(update), options.FindOneAndUpdate().SetUpsert(upsert).SetReturnDocument(options.After)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return raw, err
}

// acquire takes the key if it is free, or if its holder's nonce is known to be silent.
func acquire(coll *mongo.Collection, nonce, silent string) (bson.Raw, error) {
	mine := d{{"_id", "$_id"}, {"nonce", nonce}, {"created", "$$NOW"}, {"beat", int64(0)}}
	free := d{{"$eq", a{d{{"$ifNull", a{"$nonce", silent}}}, silent}}}
	return modify(coll, 6*time.Second, d{{"_id", "key"}}, a{d{{"$replaceWith", d{{"$cond", a{free, mine, "$$ROOT"}}}}}}, true)
}

func renew(coll *mongo.Collection, nonce string, beat int64) (bson.Raw, error) {
	renewal := set(e{"expire", d{{"$add", a{"$$NOW", 35_000}}}}, e{"touched", "$$NOW"}, e{"beat", d{{"$max", a{"$beat", beat}}}})
	return modify(coll, 6*time.Second, d{{"_id", "key"}, {"nonce", nonce}}, renewal, false)
}

func nonceOf(raw bson.Raw) string { s, _ := raw.Lookup("nonce").StringValueOK(); return s }

// inBubble runs a test on a cluster under virtual time; synctest fails it if a goroutine is left.
func inBubble(t *testing.T, o Options, test func(t *testing.T, c *Cluster)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		c := New(o)
		defer c.Close()
		test(t, c)
	})
}

// TestVirtualHour renews for an hour through the real driver, with a second
// process polling, and reports how many operations a real second has.
func TestVirtualHour(t *testing.T) {
	began := time.Now()
	operations := 0
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		holder, end := connect(t, c, 0)
		defer end()
		other, endOther := connect(t, c, 1)
		defer endOther()
		start := time.Now()
		first, err := acquire(holder, "A", "")
		if err != nil || nonceOf(first) != "A" {
			t.Fatalf("acquire: %v, %v", first, err)
		}
		for beat := int64(1); time.Since(start) < time.Hour; beat++ {
			time.Sleep(time.Second)
			raw, err := renew(holder, "A", beat)
			if err != nil || raw.Lookup("beat").AsInt64() != beat {
				t.Fatalf("renewal %d after %v: %v, %v", beat, time.Since(start), raw, err)
			}
			if got := raw.Lookup("expire").Time(); !got.Equal(time.Now().Add(35 * time.Second)) {
				t.Fatalf("expire %v at %v: $$NOW is not virtual", got, time.Now())
			}
			refused, err := acquire(other, "B", "")
			if err != nil || nonceOf(refused) != "A" {
				t.Fatalf("refused acquire: %v, %v", refused, err)
			}
			operations += 2
		}
		if n := len(c.Log()); n != 3601 {
			t.Errorf("%d writes in the log, not one acquire and 3600 renewals: a refused acquire must write nothing", n)
		}
		if len(c.Log()[3600].Before) == 0 || c.Log()[0].Before != nil {
			t.Error("the log's first entry is no insert, or its last is one")
		}
	})
	took := time.Since(began)
	t.Logf("1 virtual hour, %d operations in %v: %.0f operations/s", operations, took.Round(time.Millisecond), float64(operations)/took.Seconds())
}

func TestOldPrimary(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		old, end := connect(t, c, 0)
		defer end()
		fresh, endFresh := connect(t, c, 1)
		defer endFresh()
		must.Get(acquire(old, "A", ""))(t)
		committed := c.Document("mongolock.lock", "key")
		c.Isolate(0)

		// Nobody has been elected: the other side gets no answer.
		if _, err := renew(fresh, "A", 9); err == nil {
			t.Error("a call was answered without a primary")
		}

		// An effective write is applied there and not acknowledged; the error has the document.
		began := time.Now()
		_, err := renew(old, "A", 1)
		if err == nil {
			t.Fatal("the old primary acknowledged a majority write")
		}
		if took := time.Since(began); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("the write ended after %v, not with its deadline of 6 s", took)
		}
		local := old.Database().Collection("lock", options.Collection().SetReadConcern(readconcern.Local()))
		dirty, err := local.FindOne(t.Context(), bson.D{{Key: "_id", Value: "key"}}).Raw()
		if err != nil || dirty.Lookup("beat").AsInt64() != 1 {
			t.Errorf("read concern local shows %v, %v", dirty, err)
		}
		seen, err := old.FindOne(t.Context(), bson.D{{Key: "_id", Value: "key"}}).Raw()
		if err != nil || string(seen) != string(committed) {
			t.Errorf("read concern majority shows %v, %v; not what was committed before", seen, err)
		}
		// A write that changes nothing is answered.
		if raw, err := acquire(old, "B", ""); err != nil || nonceOf(raw) != "A" {
			t.Errorf("a no-op on the old primary: %v, %v", raw, err)
		}

		// The new primary starts from what was committed and has its own clock.
		c.Elect(func() time.Time { return time.Now().Add(time.Hour) })
		time.Sleep(3 * time.Second) // the driver's monitor waits 2 s for an answer that was lost
		stolen, err := acquire(fresh, "C", "A")
		if err != nil || nonceOf(stolen) != "C" {
			t.Fatalf("steal on the new primary: %v, %v", stolen, err)
		}
		if created := stolen.Lookup("created").Time(); time.Until(created) != time.Hour {
			t.Errorf("created at %v by a clock an hour ahead of %v", created, time.Now())
		}

		c.Rejoin()
		if lost := c.RolledBack(); len(lost) != 1 || lost[0].Process != 0 || lost[0].Command != "findAndModify" {
			t.Errorf("rolled back: %v", lost)
		}
		time.Sleep(3 * time.Second)
		if raw, err := renew(old, "A", 2); raw != nil || err != nil {
			t.Errorf("renewal of a lock that is another's: %v, %v", raw, err)
		}
		log := c.Log()
		if len(log) != 2 || log[1].Process != 1 {
			t.Errorf("committed: %v", log)
		}
	})
}

func TestRejoinWithoutElection(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		coll, end := connect(t, c, 0)
		defer end()
		must.Get(acquire(coll, "A", ""))(t)
		c.Isolate(0)
		done := make(chan error)
		began := time.Now()
		go func() { _, err := renew(coll, "A", 1); done <- err }()
		time.Sleep(3 * time.Second)
		c.Rejoin()
		if err := <-done; err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("acknowledged after %v with %v, not at once when the majority came back", time.Since(began), err)
		}
		if len(c.Log()) != 2 || len(c.RolledBack()) != 0 {
			t.Errorf("log %v, rolled back %v", c.Log(), c.RolledBack())
		}
	})
}
