package fakemongo

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/test/must"
)

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
				coll, end := connect(t, c, 0)
				defer end()
				verdict = Verdict{}
				must.Get(acquire(coll, "A", ""))(t)
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
		cut, end := connect(t, c, 0)
		defer end()
		other, endOther := connect(t, c, 1)
		defer endOther()
		must.Get(acquire(cut, "A", ""))(t)
		c.Cut(0, true)
		if _, err := renew(cut, "A", 1); err == nil {
			t.Error("a process that is cut off was answered")
		}
		if raw, err := acquire(other, "B", ""); err != nil || nonceOf(raw) != "A" {
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
		coll, end := connect(t, c, 0)
		defer end()
		must.Get(acquire(coll, "A", ""))(t)
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
		coll, end := connect(t, c, 0)
		must.Get(acquire(coll, "A", ""))(t)
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
		coll, end := connect(t, c, 0)
		defer end()
		must.Get(acquire(coll, "A", ""))(t)
		c.SetNow(func() time.Time { return time.Now().Add(-time.Hour) })
		raw := must.Get(renew(coll, "A", 1))(t)
		if got, want := raw.Lookup("touched").Time(), time.Now().Add(-time.Hour); !got.Equal(want) {
			t.Errorf("touched %v, want %v", got, want)
		}
		var hello bson.Raw
		must.Do(t, coll.Database().RunCommand(t.Context(), bson.D{{Key: "hello", Value: 1}}).Decode(&hello))
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
		client := must.Get(mongo.Connect(c.ClientOptions(0)))(t)
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
