package linear

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/electproxy"
	"github.com/mongogate/mongogate/test/faultproxy"
)

// rig is a real database, with one history at a time on it.
type rig struct {
	server   *devdb.Server
	client   *mongo.Client // past all proxies
	database string
}

func openRig(ctx context.Context) (*rig, error) {
	server, err := devdb.Start(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("starting a database: %w", err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(server.URI).SetRetryReads(false).SetServerSelectionTimeout(2 * time.Second))
	if err != nil {
		return nil, errors.Join(errors.New("the driver refuses the server's URI"), server.Close()) // its reason may quote a password
	}
	return &rig{server: server, client: client, database: "linear_" + strings.ToLower(rand.Text()[:8])}, nil
}

func (r *rig) close(ctx context.Context) error {
	return errors.Join(r.client.Database(r.database).Drop(ctx), r.client.Disconnect(ctx), r.server.Close())
}

// members tells whether the database itself has three of them, whose primaries come and go.
func (r *rig) members() bool { return r.server.Features&devdb.Elections != 0 }

// world is that of a seed: by turns one server behind a bad network, and three members. What ends it is returned too.
func (r *rig) world(ctx context.Context, seed uint64) (w world, end func() error, err error) {
	collection := fmt.Sprint("history-", seed)
	uri, ours := r.server.URI, r.server.Kind != devdb.External
	end = func() error { return nil }
	switch {
	case seed%2 == 0 || !ours:
		w, uri, end, err = r.behindNetwork(ctx)
	case r.members():
		w = world{name: "three members", faults: r.elections()}
	default:
		w, uri, end, err = r.shown()
	}
	if err != nil {
		return w, end, err
	}
	// A primary that is none any more answers refusals and reads. Of a server that is not ours nobody knows whether it may come to that.
	w.weak = r.members() || !ours
	w.look = r.look(collection)
	w.open = func(owner string, t mongolock.Timing) (*mongolock.Locker, error) {
		return mongolock.Connect(uri, mongolock.Options{Database: r.database, Collection: collection, Owner: owner, Timing: t})
	}
	return w, end, nil
}

// look reads of the primary what a majority has.
func (r *rig) look(collection string) look {
	c := r.client.Database(r.database).Collection(collection, options.Collection().
		SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary()))
	return func(ctx context.Context, keys []string) (map[string]bson.Raw, error) {
		cursor, err := c.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}})
		if err != nil {
			return nil, fmt.Errorf("reading the documents: %w", err)
		}
		var list []bson.Raw
		if err := cursor.All(ctx, &list); err != nil {
			return nil, fmt.Errorf("reading the documents: %w", err)
		}
		all := map[string]bson.Raw{}
		for _, doc := range list {
			all[doc.Lookup("_id").StringValue()] = doc
		}
		return all, nil
	}
}

var errEncrypted = errors.New("the connection is encrypted, and a proxy sees no command in it")

// behindNetwork is the primary, and before it a proxy that breaks connections.
func (r *rig) behindNetwork(ctx context.Context) (w world, uri string, end func() error, err error) {
	none := func() error { return nil }
	if r.server.Features&devdb.TLS != 0 {
		return w, "", none, errEncrypted
	}
	address, err := r.server.Primary(ctx)
	if err != nil {
		return w, "", none, err
	}
	p, err := faultproxy.Listen(address)
	if err != nil {
		return w, "", none, err
	}
	if uri, err = p.URI(r.server.URI); err != nil {
		return w, "", p.Close, err
	}
	w = world{name: "behind a bad network", faults: networkFaults(p)}
	if r.server.Kind != devdb.External {
		w.faults = append(w.faults, r.serverFaults(address)...)
	}
	return w, uri, p.Close, nil
}

// shown are three members that a proxy shows before the one server.
func (r *rig) shown() (w world, uri string, end func() error, err error) {
	s, err := electproxy.New(r.server.Addr())
	if err != nil {
		return w, "", func() error { return nil }, err
	}
	w = world{name: "three members, shown by a proxy", faults: append(electionFaults(s), r.serverFaults(r.server.Addr())...)}
	return w, s.URI(), s.Close, nil
}
