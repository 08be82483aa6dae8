package locktest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// MongoDB is a server at uri, with a database of its own that is dropped at the end of the test.
func MongoDB(t *testing.T, uri string) Store {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	m := &mongoDB{uri: uri, coll: client.Database("locktest_" + strings.ToLower(rand.Text()[:8])).Collection("lock")}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(m.coll.Database().Drop(ctx), client.Disconnect(ctx)); err != nil {
			t.Errorf("dropping %s: %v", m.coll.Database().Name(), err)
		}
	})
	return m
}

type mongoDB struct {
	uri  string
	coll *mongo.Collection
}

func (m *mongoDB) Locker(o mongolock.Options) (*mongolock.Locker, error) {
	o.Database, o.Collection = m.coll.Database().Name(), m.coll.Name()
	return mongolock.Connect(m.uri, o)
}

func (m *mongoDB) Get(ctx context.Context, key string) (bson.Raw, error) {
	raw, err := m.coll.FindOne(ctx, byID(key)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return raw, err
}

func (m *mongoDB) Insert(ctx context.Context, document bson.D) error {
	_, err := m.coll.InsertOne(ctx, document)
	return err
}

func (m *mongoDB) Set(ctx context.Context, key string, fields bson.D) error {
	_, err := m.coll.UpdateOne(ctx, byID(key), bson.D{{Key: "$set", Value: fields}})
	return err
}

func (m *mongoDB) Delete(ctx context.Context, key string) error {
	_, err := m.coll.DeleteOne(ctx, byID(key))
	return err
}

func byID(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }
