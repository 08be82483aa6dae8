package devdb

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// started starts a server and closes it with the test.
func started(t *testing.T, kind Kind, options Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	begin := time.Now()
	server, err := StartKind(ctx, kind, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s; started in %d ms", server.Banner(), time.Since(begin).Milliseconds())
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// collection is one whose writes are acknowledged by a majority and its journal.
func collection(t *testing.T, server *Server) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI).SetServerSelectionTimeout(5 * time.Second).
		SetRetryWrites(false).SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: new(true)}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client.Database("devdb").Collection(t.Name())
}

// TestKillKeepsAcknowledgedWrites: what Restart promises.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	for _, kind := range []Kind{Engine, Secantus} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{Need: Restart})
			c := collection(t, server)
			const writes = 200
			for i := range writes {
				if _, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: i}}); err != nil {
					t.Fatalf("write %d: %v", i, err)
				}
			}
			before := server.URI
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := c.FindOne(ctx, bson.D{}).Err(); err == nil {
				t.Fatal("a killed server has answered")
			}
			begin := time.Now()
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Logf("restarted in %d ms", time.Since(begin).Milliseconds())
			if server.URI != before {
				t.Errorf("the URI is %s after the restart, it was %s", server.URI, before)
			}
			// A new client: the old one may still have a connection in its pool that is dead.
			found, err := collection(t, server).CountDocuments(t.Context(), bson.D{})
			if err != nil {
				t.Fatal(err)
			}
			if found != writes {
				t.Errorf("%d of %d acknowledged writes were kept", found, writes)
			}
		})
	}
}
