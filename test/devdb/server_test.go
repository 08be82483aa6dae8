//go:build unix

package devdb

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/mongogate/mongogate/test/must"
)

// started starts a server and closes it with the test.
func started(t *testing.T, kind Kind, options Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	begin := time.Now()
	server := must.Get(StartKind(ctx, kind, options))(t)
	t.Logf("%s; started in %d ms", server.Banner(), time.Since(begin).Milliseconds())
	must.AtEnd(t, server.Close)
	return server
}

// collection is one whose writes are acknowledged by a majority, which on MongoDB implies its journal.
func collection(t *testing.T, server *Server) *mongo.Collection {
	t.Helper()
	client := must.Get(mongo.Connect(options.Client().ApplyURI(server.URI).SetServerSelectionTimeout(5 * time.Second).
		SetRetryWrites(false).SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority})))(t)
	must.AtEnd(t, func() error { return client.Disconnect(context.Background()) })
	return client.Database("devdb").Collection(t.Name())
}

// TestKillKeepsAcknowledgedWrites: what Restart promises. The server is killed
// in the middle of writing, several times on the same data.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	for _, kind := range []Kind{Engine, Secantus} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{Need: Restart})
			before := server.URI
			acknowledged := 0
			for range 5 {
				acknowledged = writeUntilKilled(t, server, acknowledged)
				begin := time.Now()
				must.Do(t, server.Restart(t.Context()))
				t.Logf("restarted in %d ms, %d writes acknowledged", time.Since(begin).Milliseconds(), acknowledged)
				if server.URI != before {
					t.Errorf("the URI is %s after the restart, it was %s", server.URI, before)
				}
				found := must.Get(collection(t, server).CountDocuments(t.Context(), bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: acknowledged}}}}))(t)
				if found != int64(acknowledged) {
					t.Fatalf("%d of %d acknowledged writes were kept", found, acknowledged)
				}
			}
		})
	}
}

// writeUntilKilled writes documents numbered from first on, has the server
// killed after 200 of them, and tells the number after the last acknowledged one.
func writeUntilKilled(t *testing.T, server *Server, first int) int {
	t.Helper()
	c := collection(t, server)
	killed := make(chan error, 1)
	for i := first; ; i++ {
		if i == first+200 {
			go func() { killed <- server.Kill() }()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		// A write that was not acknowledged may have been kept all the same.
		_, err := c.ReplaceOne(ctx, bson.D{{Key: "_id", Value: i}}, bson.D{}, options.Replace().SetUpsert(true))
		cancel()
		if err == nil {
			continue
		}
		if i < first+200 {
			t.Fatalf("write %d: %v", i, err)
		}
		must.Do(t, <-killed)
		return i
	}
}
