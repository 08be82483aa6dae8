package mongolock_test

import (
	"context"
	"fmt"
	"log"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

func ExampleFence() {
	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(uri()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(ctx)
	balances := client.Database(mongolock.TestDatabase).Collection("balances")
	_, err = balances.InsertOne(ctx, bson.D{{Key: "_id", Value: "alice"}, {Key: "amount", Value: 1}})
	check(err)

	// One line more than without: a write by an earlier holder matches nothing.
	write := func(token int64, amount int) int64 {
		f := mongolock.Fence(token)
		r, err := balances.UpdateOne(ctx,
			f.Filter(bson.D{{Key: "_id", Value: "alice"}}),
			f.Update(bson.D{{Key: "$set", Value: bson.D{{Key: "amount", Value: amount}}}}))
		check(err)
		return r.MatchedCount
	}
	locker := open("a")
	old, err := locker.Try(ctx, "fence")
	check(err)
	fmt.Println("the holder's write:", write(old.Token(), 2))
	check(old.Release(ctx))
	next, err := locker.Try(ctx, "fence")
	check(err)
	fmt.Println("the next holder's:", write(next.Token(), 3))
	fmt.Println("the old holder's, late:", write(old.Token(), 4))
	check(next.Release(ctx))
	// Output:
	// the holder's write: 1
	// the next holder's: 1
	// the old holder's, late: 0
}

// The field has a name of the caller's choice.
func ExampleFenced_In() {
	f := mongolock.Fence(7).In("meta.token")
	fmt.Println(f.Update(bson.D{{Key: "$set", Value: bson.D{{Key: "amount", Value: 1}}}}))
	// Output: {"$set":{"amount":{"$numberInt":"1"}},"$max":{"meta.token":{"$numberLong":"7"}}}
}

func ExampleFenced_Filter() {
	fmt.Println(mongolock.Fence(7).Filter(bson.D{{Key: "_id", Value: "alice"}}))
	// Output: {"_id":"alice","$and":[{"fence":{"$not":{"$type":"array"}}},{"$or":[{"fence":null},{"fence":{"$lte":{"$numberLong":"7"}}}]}]}
}

// Without an _id an upsert would insert a second document: the server refuses it.
func ExampleFenced_Filter_upsert() {
	ctx := context.Background()
	client, err := mongo.Connect(options.Client().ApplyURI(uri()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(ctx)
	people := client.Database(mongolock.TestDatabase).Collection("people")
	f, upsert := mongolock.Fence(7), options.UpdateOne().SetUpsert(true)
	update := f.Update(bson.D{{Key: "$set", Value: bson.D{{Key: "amount", Value: 1}}}})
	_, err = people.UpdateOne(ctx, f.Filter(bson.D{{Key: "name", Value: "alice"}}), update, upsert)
	fmt.Println("by a name:", err != nil)
	_, err = people.UpdateOne(ctx, f.Filter(bson.D{{Key: "_id", Value: "alice"}}), update, upsert)
	fmt.Println("by its _id:", err != nil)
	// Output:
	// by a name: true
	// by its _id: false
}

func ExampleFenced_Update() {
	fmt.Println(mongolock.Fence(7).Update(bson.D{{Key: "$inc", Value: bson.D{{Key: "amount", Value: 1}}}}))
	// Output: {"$inc":{"amount":{"$numberInt":"1"}},"$max":{"fence":{"$numberLong":"7"}}}
}

// The caller's own $max is kept, in whatever form it comes.
func ExampleFenced_Update_max() {
	fmt.Println(mongolock.Fence(7).Update(bson.M{"$max": bson.M{"best": 5}}))
	// Output: {"$max":{"best":{"$numberInt":"5"},"fence":{"$numberLong":"7"}}}
}

// A pipeline gets one stage more.
func ExampleFenced_Update_pipeline() {
	fmt.Println(mongolock.Fence(7).Update(mongo.Pipeline{{{Key: "$set", Value: bson.D{{Key: "amount", Value: 1}}}}}))
	// Output: [{"$set":{"amount":{"$numberInt":"1"}}} {"$set":{"fence":{"$max":["$fence",{"$numberLong":"7"}]}}}]
}

// A whole document, for ReplaceOne, gets one field more.
func ExampleFenced_Update_replacement() {
	fmt.Println(mongolock.Fence(7).Update(bson.D{{Key: "amount", Value: 1}}))
	// Output: {"amount":{"$numberInt":"1"},"fence":{"$numberLong":"7"}}
}

// What writes the field itself is refused: the driver's call returns this error and sends nothing.
func ExampleFenced_Update_refused() {
	fmt.Println(mongolock.Fence(7).Update(bson.M{"$set": bson.M{"fence": 1}}))
	// Output: bad configuration: fencing an update: $set writes fence, which only the fence may
}
