package fakemongo

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// locks connects a process as the lock does: majority, primary, no retries, short deadlines.
func locks(t *testing.T, c *Cluster, process int) (*mongo.Collection, func()) {
	t.Helper()
	client, err := mongo.Connect(c.ClientOptions(process).SetRetryWrites(false).SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()).
		SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(2 * time.Second).SetHeartbeatInterval(time.Second))
	if err != nil {
		t.Fatal(err)
	}
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

func acquire(coll *mongo.Collection, nonce string, watch *watched) (bson.Raw, error) {
	return modify(coll, 6*time.Second, d{{"_id", "key"}}, tryAcquire{nonce: nonce, watch: watch}.pipeline(), true)
}

func renew(coll *mongo.Collection, nonce string, beat int64) (bson.Raw, error) {
	return modify(coll, 6*time.Second, append(d{{"_id", "key"}}, heldBy(nonce)...), renewal(beat), false)
}

func nonceOf(raw bson.Raw) string { s, _ := raw.Lookup("nonce").StringValueOK(); return s }

// inBubble runs a test on a cluster under virtual time; synctest fails it if a goroutine is left.
func inBubble(t *testing.T, o Options, test func(t *testing.T, c *Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
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
		holder, end := locks(t, c, 0)
		defer end()
		other, endOther := locks(t, c, 1)
		defer endOther()
		start := time.Now()
		first, err := acquire(holder, "A", nil)
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
			refused, err := acquire(other, "B", nil)
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
		old, end := locks(t, c, 0)
		defer end()
		fresh, endFresh := locks(t, c, 1)
		defer endFresh()
		if _, err := acquire(old, "A", nil); err != nil {
			t.Fatal(err)
		}
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
		if raw, err := acquire(old, "B", nil); err != nil || nonceOf(raw) != "A" {
			t.Errorf("a no-op on the old primary: %v, %v", raw, err)
		}

		// The new primary starts from what was committed and has its own clock.
		c.Elect(func() time.Time { return time.Now().Add(time.Hour) })
		stolen, err := acquire(fresh, "C", &watched{"A", int64(0)})
		if err != nil || nonceOf(stolen) != "C" {
			t.Fatalf("steal on the new primary: %v, %v", stolen, err)
		}
		if created := stolen.Lookup("created").Time(); created.Sub(time.Now()) != time.Hour {
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
		coll, end := locks(t, c, 0)
		defer end()
		if _, err := acquire(coll, "A", nil); err != nil {
			t.Fatal(err)
		}
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

// TestVerdicts goes through the faults of a single call.
func TestVerdicts(t *testing.T) {
	var verdict Verdict
	decide := func(call Call) Verdict {
		if call.Command != "findAndModify" {
			return Verdict{}
		}
		return verdict
	}
	tests := []struct {
		name    string
		verdict Verdict
		takes   [2]time.Duration
		applied bool // when the call has ended
		late    bool // a minute later
		check   func(error) bool
	}{
		{"none", Verdict{}, [2]time.Duration{0, 0}, true, true, func(err error) bool { return err == nil }},
		{"request delayed", Verdict{RequestDelay: 2 * time.Second}, [2]time.Duration{2 * time.Second, 2 * time.Second}, true, true, func(err error) bool { return err == nil }},
		{"request too late", Verdict{RequestDelay: 20 * time.Second}, [2]time.Duration{5 * time.Second, 6 * time.Second}, false, true, mongo.IsTimeout},
		{"request lost", Verdict{LoseRequest: true}, [2]time.Duration{5 * time.Second, 6 * time.Second}, false, false, mongo.IsTimeout},
		{"reply delayed", Verdict{ReplyDelay: 2 * time.Second}, [2]time.Duration{2 * time.Second, 2 * time.Second}, true, true, func(err error) bool { return err == nil }},
		{"reply lost", Verdict{LoseReply: true}, [2]time.Duration{5 * time.Second, 6 * time.Second}, true, true, mongo.IsTimeout},
		{"reset after", Verdict{Reset: true}, [2]time.Duration{0, 0}, true, true, mongo.IsNetworkError},
		{"reset before", Verdict{Reset: true, LoseRequest: true}, [2]time.Duration{0, 0}, false, false, mongo.IsNetworkError},
		{"not primary", Verdict{Code: CodeNotWritablePrimary}, [2]time.Duration{0, 0}, false, false, hasCode(CodeNotWritablePrimary)},
		{"duplicate key", Verdict{Code: CodeDuplicateKey}, [2]time.Duration{0, 0}, false, false, mongo.IsDuplicateKeyError},
		{"not acknowledged", Verdict{WriteConcernError: true}, [2]time.Duration{0, 0}, true, true, isWriteConcernError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, Options{ReplicaSet: "rs", Decide: decide}, func(t *testing.T, c *Cluster) {
				coll, end := locks(t, c, 0)
				defer end()
				verdict = Verdict{}
				if _, err := acquire(coll, "A", nil); err != nil {
					t.Fatal(err)
				}
				verdict = tt.verdict
				began := time.Now()
				_, err := renew(coll, "A", 1)
				took := time.Since(began)
				if !tt.check(err) {
					t.Errorf("error %v", err)
				}
				if took < tt.takes[0] || took > tt.takes[1] {
					t.Errorf("took %v", took)
				}
				if applied := len(c.Log()) == 2; applied != tt.applied {
					t.Errorf("applied %t when the call had ended", applied)
				}
				time.Sleep(time.Minute)
				if applied := len(c.Log()) == 2; applied != tt.late {
					t.Errorf("applied %t a minute later", applied)
				}
				verdict = Verdict{}
				if raw, err := renew(coll, "A", 2); err != nil || raw.Lookup("beat").AsInt64() != 2 {
					t.Errorf("the next call: %v, %v", raw, err)
				}
			})
		})
	}
}

func hasCode(code int32) func(error) bool {
	return func(err error) bool { return codeOf(err) == code }
}

func isWriteConcernError(err error) bool {
	var we mongo.WriteException
	if !errors.As(err, &we) || we.WriteConcernError == nil || we.WriteConcernError.Code != CodeWriteConcernTimeout {
		return false
	}
	_, err = we.Raw.LookupErr("value", "nonce") // the document is there, unacknowledged
	return err == nil
}

func TestCut(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		cut, end := locks(t, c, 0)
		defer end()
		other, endOther := locks(t, c, 1)
		defer endOther()
		if _, err := acquire(cut, "A", nil); err != nil {
			t.Fatal(err)
		}
		c.Cut(0, true)
		if _, err := renew(cut, "A", 1); err == nil {
			t.Error("a process that is cut off was answered")
		}
		if raw, err := acquire(other, "B", nil); err != nil || nonceOf(raw) != "A" {
			t.Errorf("another process: %v, %v", raw, err)
		}
		time.Sleep(time.Minute)
		if _, err := renew(cut, "A", 1); err == nil || len(c.Log()) != 1 {
			t.Errorf("after a minute: %v, %d writes", err, len(c.Log()))
		}
		c.Cut(0, false)
		time.Sleep(3 * time.Second)
		if raw, err := renew(cut, "A", 2); err != nil || raw.Lookup("beat").AsInt64() != 2 {
			t.Errorf("after the cut: %v, %v", raw, err)
		}
	})
}

// TestCutBeforeTheReply: what departs while the process is cut off is lost, though it was executed.
func TestCutBeforeTheReply(t *testing.T) {
	delay := time.Duration(0)
	inBubble(t, Options{ReplicaSet: "rs", Decide: func(Call) Verdict { return Verdict{ReplyDelay: delay} }}, func(t *testing.T, c *Cluster) {
		coll, end := locks(t, c, 0)
		defer end()
		if _, err := acquire(coll, "A", nil); err != nil {
			t.Fatal(err)
		}
		delay = 2 * time.Second
		defer time.AfterFunc(time.Second, func() { c.Cut(0, true) }).Stop()
		if _, err := renew(coll, "A", 1); err == nil || len(c.Log()) != 2 {
			t.Errorf("%v, %d writes", err, len(c.Log()))
		}
	})
}

// TestDisconnectFromSilence: a client whose server no longer answers ends in virtual time.
func TestDisconnectFromSilence(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		coll, end := locks(t, c, 0)
		if _, err := acquire(coll, "A", nil); err != nil {
			t.Fatal(err)
		}
		c.Cut(0, true)
		if _, err := renew(coll, "A", 1); err == nil {
			t.Error("a process that is cut off was answered")
		}
		began := time.Now()
		end()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("disconnecting took %v", took)
		}
	})
}

// TestClockStep steps the primary's wall clock under a running client.
func TestClockStep(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		coll, end := locks(t, c, 0)
		defer end()
		if _, err := acquire(coll, "A", nil); err != nil {
			t.Fatal(err)
		}
		c.SetNow(func() time.Time { return time.Now().Add(-time.Hour) })
		raw, err := renew(coll, "A", 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := raw.Lookup("touched").Time(), time.Now().Add(-time.Hour); !got.Equal(want) {
			t.Errorf("touched %v, want %v", got, want)
		}
		var hello bson.Raw
		if err := coll.Database().RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
			t.Fatal(err)
		}
		if got, want := hello.Lookup("localTime").Time(), time.Now().Add(-time.Hour); !got.Equal(want) {
			t.Errorf("localTime %v, want %v", got, want)
		}
		if hello.Lookup("setName").StringValue() != "rs" {
			t.Errorf("hello %v", hello)
		}
	})
}

// TestRetryableWrite: a driver that retries gets the answer of its first try, and the write is done once.
func TestRetryableWrite(t *testing.T) {
	resets := 1
	decide := func(call Call) Verdict {
		if call.Command == "findAndModify" && resets > 0 {
			resets--
			return Verdict{Reset: true}
		}
		return Verdict{}
	}
	inBubble(t, Options{ReplicaSet: "rs", Decide: decide}, func(t *testing.T, c *Cluster) {
		client, err := mongo.Connect(c.ClientOptions(0))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := Disconnect(client, time.Second); err != nil {
				t.Error(err)
			}
		}()
		raw, err := modify(client.Database("db").Collection("c"), time.Minute, d{{"_id", 1}}, d{{"$inc", d{{"n", 1}}}}, true)
		if err != nil || raw.Lookup("n").AsInt64() != 1 || len(c.Log()) != 1 {
			t.Errorf("%v, %v, %d writes", raw, err, len(c.Log()))
		}
	})
}
