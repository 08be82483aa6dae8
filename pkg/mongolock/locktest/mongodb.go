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
func MongoDB(t *testing.T, uri string) *Server {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	m := &Server{uri: uri, Coll: client.Database("locktest_" + strings.ToLower(rand.Text()[:8])).Collection("lock")}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(m.Coll.Database().Drop(ctx), client.Disconnect(ctx)); err != nil {
			t.Errorf("dropping %s: %v", m.Coll.Database().Name(), err)
		}
	})
	return m
}

// Server is a [Store]: what [MongoDB] returns.
type Server struct {
	// Coll is where the documents are, for stores of another kind on the same server.
	Coll *mongo.Collection

	uri string
}

var _ Store = (*Server)(nil)

// Locker makes a Locker with a client of its own.
func (m *Server) Locker(o mongolock.Options) (*mongolock.Locker, error) {
	o.Database, o.Collection = m.Coll.Database().Name(), m.Coll.Name()
	return mongolock.Connect(m.uri, o)
}

// Get returns a document as it is stored.
func (m *Server) Get(ctx context.Context, key string) (bson.Raw, error) {
	raw, err := m.Coll.FindOne(ctx, byID(key)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return raw, err
}

// Insert stores a document whose key has none.
func (m *Server) Insert(ctx context.Context, document bson.D) error {
	_, err := m.Coll.InsertOne(ctx, document)
	return err
}

// Set changes fields of a document.
func (m *Server) Set(ctx context.Context, key string, fields bson.D) error {
	_, err := m.Coll.UpdateOne(ctx, byID(key), bson.D{{Key: "$set", Value: fields}})
	return err
}

// Delete removes a document.
func (m *Server) Delete(ctx context.Context, key string) error {
	_, err := m.Coll.DeleteOne(ctx, byID(key))
	return err
}

func byID(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }
