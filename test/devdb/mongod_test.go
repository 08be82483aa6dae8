//go:build unix

package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/must"
)

// standInMongod points MONGOGATE_MONGOD at a program that takes mongod's
// flags (testdata/mongod.py), unless it points at a mongod already.
func standInMongod(t *testing.T) {
	t.Helper()
	if _, err := mongodPath(); err == nil {
		t.Log("with the mongod that is there")
		return
	}
	python := must.Get(installPython(t.Context(), "secantus", secantusPins))(t)
	program := must.Get(filepath.Abs("testdata/mongod.py"))(t)
	path := filepath.Join(t.TempDir(), "mongod")
	script := fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", python, program)
	must.Do(t, os.WriteFile(path, []byte(script), 0o755))
	t.Setenv(mongodVariable, path)
	t.Log("with a stand-in for mongod: no elections are seen here")
}

// answers tells whether one member answers within a second.
func answers(ctx context.Context, uri string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return withClient(ctx, uri, func(ctx context.Context, client *mongo.Client) error { return client.Ping(ctx, nil) }) == nil
}

func TestThreeMembers(t *testing.T) {
	standInMongod(t)
	server := started(t, Mongod, Options{})
	members := server.Members()
	if len(members) != 3 {
		t.Fatalf("members: %v", members)
	}
	alive := func(want ...bool) {
		t.Helper()
		for i, member := range members {
			if got := answers(t.Context(), "mongodb://"+member+"/?directConnection=true"); got != want[i] {
				t.Errorf("member %d answers: %t, want %t", i, got, want[i])
			}
		}
	}
	alive(true, true, true)
	must.Do(t, server.Kill(members[2]))
	must.Do(t, server.Freeze(members[1]))
	alive(true, false, false)
	must.Do(t, server.Thaw(members[1]))
	must.Do(t, server.Restart(t.Context(), members[2]))
	alive(true, true, true)
	if err := server.Kill("127.0.0.1:1"); err == nil {
		t.Error("a stranger could be killed")
	}
}

// TestSignInAndTLS: what is asked for is enforced, on a set and on one server.
func TestSignInAndTLS(t *testing.T) {
	standInMongod(t)
	for _, kind := range []Kind{Secantus, Mongod} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{Need: Auth | TLS})
			if missing := server.Missing(Auth | TLS); missing != nil {
				t.Fatalf("missing: %v", missing)
			}
			if _, err := collection(t, server).InsertOne(t.Context(), bson.D{}); err != nil {
				t.Errorf("with the URI that was given: %v", err)
			}
			settings := options.Client().ApplyURI(server.URI)
			for name, change := range map[string]func(*options.ClientOptions){
				"without TLS":        func(o *options.ClientOptions) { o.TLSConfig = nil },
				"without the CA":     func(o *options.ClientOptions) { o.TLSConfig = o.TLSConfig.Clone(); o.TLSConfig.RootCAs = nil },
				"without signing in": func(o *options.ClientOptions) { o.Auth = nil },
				"with a wrong word":  func(o *options.ClientOptions) { wrong := *o.Auth; wrong.Password = "x"; o.Auth = &wrong },
			} {
				o := *settings
				change(&o)
				client := must.Get(mongo.Connect(o.SetServerSelectionTimeout(time.Second)))(t)
				if err := client.Database("devdb").Collection("c").FindOne(t.Context(), bson.D{{Key: "_id", Value: 1}}).Err(); err == nil || errors.Is(err, mongo.ErrNoDocuments) {
					t.Errorf("%s: an answer (%v)", name, err)
				}
				if err := client.Disconnect(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
