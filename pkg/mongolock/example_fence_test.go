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
	locker, end := open("a")
	defer end()
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

func ExampleFence_Filter() {
	fmt.Println(mongolock.Fence(7).Filter(bson.D{{Key: "_id", Value: "alice"}}))
	// Output: {"_id":"alice","fence":{"$not":{"$gt":{"$numberLong":"7"}}}}
}

func ExampleFence_Update() {
	fmt.Println(mongolock.Fence(7).Update(bson.D{{Key: "$inc", Value: bson.D{{Key: "amount", Value: 1}}}}))
	// Output: {"$inc":{"amount":{"$numberInt":"1"}},"$max":{"fence":{"$numberLong":"7"}}}
}
