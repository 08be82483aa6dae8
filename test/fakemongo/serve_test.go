package fakemongo

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

// TestListen serves two real connections over TCP, as a standalone server.
func TestListen(t *testing.T) {
	c := New(Options{})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for process := range 2 {
		address := must.Get(c.Listen(process))(t)
		// Nothing is asked of the client here: no direct connection, no polling.
		client := must.Get(mongo.Connect(options.Client().ApplyURI("mongodb://" + address)))(t)
		if _, err := client.Database("db").Collection("c").InsertOne(ctx, bson.D{{Key: "_id", Value: process}}); err != nil {
			t.Error(err)
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	}
	log := c.Log()
	if len(log) != 2 || log[0].Process != 0 || log[1].Process != 1 || log[1].Namespace != "db.c" {
		t.Errorf("log %v", log)
	}
}

// TestCloseEndsEverything: requests on their way, silent connections and withheld replies hold nobody up.
func TestCloseEndsEverything(t *testing.T) {
	c := New(Options{ReplicaSet: "rs", Decide: func(call Call) Verdict {
		switch call.Process {
		case 0:
			return Verdict{RequestDelay: time.Hour}
		case 1:
			return Verdict{LoseRequest: !call.Monitoring()}
		}
		return Verdict{}
	}})
	c.Isolate(2)
	var calls sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for process := range 3 {
		client := must.Get(mongo.Connect(c.ClientOptions(process)))(t)
		calls.Go(func() {
			if _, err := client.Database("db").Collection("c").InsertOne(ctx, bson.D{}); err == nil {
				t.Errorf("process %d was answered", process)
			}
			if err := Disconnect(client, time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	must.Happen(t, "the write on the old primary arrives", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.old.dirty.log) == 1
	})
	began := time.Now()
	c.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	cancel()
	calls.Wait()
}

// TestFirstAcquires: of many first acquires at once one wins, and each is told who.
func TestFirstAcquires(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		const n = 24
		winners := make([]string, n)
		var all sync.WaitGroup
		for i := range n {
			coll, end := connect(t, c, i)
			defer end()
			all.Go(func() {
				raw, err := acquire(coll, fmt.Sprintf("n%d", i), "")
				if err != nil {
					t.Error(err)
				}
				winners[i] = nonceOf(raw)
			})
		}
		all.Wait()
		for _, w := range winners {
			if w != winners[0] || w == "" {
				t.Fatalf("winners %v", winners)
			}
		}
		if len(c.Log()) != 1 {
			t.Errorf("%d writes for one acquire", len(c.Log()))
		}
	})
}

// TestDial: connections can be refused, and can hang until the client gives up.
func TestDial(t *testing.T) {
	for name, v := range map[string]Verdict{"refused": {Reset: true}, "silent": {LoseRequest: true}, "slow": {RequestDelay: 900 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{Decide: func(call Call) Verdict {
				if call.Command == "dial" {
					return v
				}
				return Verdict{}
			}}, func(t *testing.T, c *Cluster) {
				coll, end := connect(t, c, 0)
				defer end()
				_, err := acquire(coll, "A", "")
				if (err == nil) != (name == "slow") {
					t.Errorf("acquire: %v", err)
				}
			})
		})
	}
}

// TestDecideMayAct: a hook that isolates the primary at a chosen call does so before that call arrives.
func TestDecideMayAct(t *testing.T) {
	var c *Cluster
	bubble.Test(t, func(t *testing.T) {
		c = New(Options{ReplicaSet: "rs", Decide: func(call Call) Verdict {
			if call.Command == "findAndModify" && call.N == 1 {
				c.Isolate(0)
			}
			return Verdict{}
		}})
		defer c.Close()
		coll, end := connect(t, c, 0)
		defer end()
		must.Get(acquire(coll, "A", ""))(t)
		if _, err := renew(coll, "A", 1); err == nil {
			t.Error("the renewal that isolated the primary was acknowledged")
		}
	})
}

func TestIndexes(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		coll, end := connect(t, c, 0)
		defer end()
		ctx := t.Context()
		ttl := mongo.IndexModel{Keys: bson.D{{Key: "purgeAt", Value: 1}}, Options: options.Index().SetExpireAfterSeconds(0)}
		for range 2 {
			must.Get(coll.Indexes().CreateOne(ctx, ttl))(t)
		}
		specs, err := coll.Indexes().ListSpecifications(ctx)
		if err != nil || len(specs) != 2 || specs[1].Name != "purgeAt_1" || specs[1].ExpireAfterSeconds == nil {
			t.Errorf("indexes %v, %v", specs, err)
		}
	})
}

// TestNeverSilence: what is not implemented is an error.
func TestNeverSilence(t *testing.T) {
	inBubble(t, Options{ReplicaSet: "rs"}, func(t *testing.T, c *Cluster) {
		coll, end := connect(t, c, 0)
		defer end()
		must.Get(coll.InsertOne(t.Context(), wide(append(d{{"_id", "k"}}, rich()...))))(t)
		name := coll.Name()
		fam := func(update any) d {
			return d{{"findAndModify", name}, {"query", d{{"_id", "k"}}}, {"update", update}}
		}
		for _, cmd := range []d{
			{{"aggregate", name}, {"pipeline", a{}}, {"cursor", d{}}},
			{{"aggregate", name}, {"pipeline", a{d{{"$changeStream", d{}}}}}, {"cursor", d{}}},
			{{"find", name}, {"collation", d{{"locale", "de"}}}},
			{{"find", name}, {"filter", d{{"a", d{{"$elemMatch", d{}}}}}}},
			{{"find", name}, {"filter", d{{"o.x", 1}}}},
			{{"find", name}, {"filter", d{{"s", bson.Regex{Pattern: "^t"}}}}},
			{{"find", name}, {"filter", d{{"i", d{{"$lt", nil}}}}}},
			{{"find", name}, {"projection", d{{"i", 1}}}},
			{{"find", name}, {"sort", d{{"i", 1}}}},
			{{"find", name}, {"skip", 1}},
			{{"insert", name}, {"documents", a{d{{"_id", a{1}}}}}},
			{{"insert", name}, {"documents", a{d{}}}},
			{{"insert", name}, {"documents", a{d{{"_id", 1}}}}, {"ordered", false}},
			{{"find", name}, {"readConcern", d{{"level", "linearizable"}}}},
			append(fam(d{{"$set", d{{"x", 1}}}}), e{"arrayFilters", a{}}),
			fam(d{{"x", 1}, {"$set", d{{"y", 1}}}}),
			fam(d{{"$push", d{{"a", 1}}}}),
			fam(d{{"$set", d{{"o.x", 1}}}}),
			fam(d{{"$unset", d{{"_id", 1}}}}),
			fam(d{{"$inc", d{{"i", "x"}}}}),
			fam(d{{"$set", d{{"i", 1}}}, {"$unset", d{{"i", 1}}}}),
			fam(a{d{{"$project", d{{"x", 1}}}}}),
			fam(a{d{{"$set", d{{"x", 1}}}, {"$unset", "i"}}}),
			fam(a{d{{"$unset", a{"i", "l"}}}}),
			fam(set(e{"o", d{{"new", 1}}})),
			fam(set(e{"x", d{{"$map", d{}}}})),
			fam(set(e{"x", d{{"$add", a{1.5, "$i"}}}})),
			fam(set(e{"x", d{{"$cond", a{1, 2}}}})),
			fam(set(e{"x", d{{"$cond", a{true, 1, d{{"$nope", 1}}}}}})),
			fam(set(e{"x", d{{"$switch", d{{"branches", a{d{{"case", 1}, {"x", 1}}}}, {"default", 1}}}}})),
			fam(set(e{"x", d{{"$let", d{{"vars", d{{"V", 1}}}, {"in", 1}}}}})),
			fam(set(e{"x", d{{"$slice", a{"$a", 2}}}})),
			fam(set(e{"x", d{{"$lt", a{"$b", bson.Binary{Data: []byte{9}}}}}})),
			fam(set(e{"x", "$$CLUSTER_TIME"})),
			fam(set(e{"x", "$a..b"})),
			{{"startSession", 1}},
		} {
			if err := coll.Database().RunCommand(t.Context(), wide(cmd)).Err(); codeOf(err) <= 0 {
				t.Errorf("%v: %v", cmd, err)
			}
		}
		if len(c.Log()) != 1 {
			t.Errorf("%d writes by commands that failed", len(c.Log()))
		}
	})
}
