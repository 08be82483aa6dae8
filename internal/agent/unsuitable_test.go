//go:build linux

package agent

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
)

// TestUnsuitableCollectionIsNotUsed: a gate looks at the collection before it takes anything in it.
func TestUnsuitableCollectionIsNotUsed(t *testing.T) {
	const name = "capped"
	db := collection(t).Database()
	if err := db.CreateCollection(t.Context(), name, options.CreateCollection().SetCapped(true).SetSizeInBytes(1<<20)); err != nil {
		t.Skipf("this server makes no such collection: %v", err)
	}
	l, err := mongolock.Connect(database.URI, mongolock.Options{Database: db.Name(), Collection: name, Owner: "tester", Timing: mongolock.Timing{TTL: testTTL, AllowShort: true}})
	if err != nil {
		t.Fatal(err)
	}
	devdbtest.CloseLater(t, l)
	for what, lock := range map[string]*keys{"waiting": {}, "once": {once: true}, "with its job": {job: "job"}} {
		lock.locker, lock.key, lock.warn = l, newKey(), fail(t)
		if s, err := lock.acquire(t.Context()); !errors.Is(err, mongolock.ErrCollection) {
			t.Errorf("%s: %v, %v, want a refusal", what, s, err)
		}
		if n, err := db.Collection(name).CountDocuments(t.Context(), bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{lock.key, "job"}}}}}); err != nil || n != 0 {
			t.Errorf("%s: %d documents, %v: the lock was taken in it", what, n, err)
		}
	}
}
