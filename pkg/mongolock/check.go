package mongolock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/problem"
)

// StoreInfo says which store a Locker talks to.
type StoreInfo struct {
	// Fingerprint is made once per collection: two clusters that point at different databases show different ones.
	Fingerprint string `json:"fingerprint"`
	// Kind is replica set, sharded or standalone.
	Kind string `json:"kind"`
	// Set is the name of the replica set, if there is one.
	Set string `json:"set,omitempty"`
	// Version is what the server says of itself.
	Version string `json:"version"`
	// Findings are what somebody should look at.
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is something about the store that somebody should look at.
type Finding struct {
	// Fatal findings make a lock unsafe or impossible.
	Fatal bool `json:"fatal"`
	// Unusable findings, which are fatal, are keys that this version never acquires, whoever holds them.
	Unusable bool `json:"unusable,omitempty"`
	problem.Problem
}

const storeID = reservedPrefix + ".store"

// Store identifies the store; it writes the fingerprint on first use.
func (l *Locker) Store(ctx context.Context) (StoreInfo, error) {
	k, done, err := l.use()
	if err != nil {
		return StoreInfo{}, err
	}
	defer done()
	s, err := l.identify(ctx, k, true)
	if err == nil {
		l.fingerprint.CompareAndSwap(nil, &s.Fingerprint)
	}
	return s, err
}

func (l *Locker) identify(ctx context.Context, k *connection, create bool) (StoreInfo, error) {
	h, err := l.hello(ctx, k)
	if err != nil {
		return StoreInfo{}, err
	}
	s := StoreInfo{Set: h.SetName, Kind: "standalone"}
	switch {
	case h.Msg == "isdbgrid":
		s.Kind = "sharded"
	case h.SetName != "":
		s.Kind = "replica set"
	}
	var build struct {
		Version string `bson:"version"`
	}
	err = l.callOn(ctx, k, func(ctx context.Context, k *connection) error {
		return k.coll.Database().RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&build)
	})
	if err != nil {
		return s, fmt.Errorf("asking the server for its version: %w", err)
	}
	s.Version = build.Version
	id, err := l.fingerprintOf(ctx, k, create)
	if err != nil {
		return s, err
	}
	s.Fingerprint = id
	if s.Set != "" {
		s.Fingerprint = s.Set + "/" + id
	}
	return s, nil
}

func (l *Locker) fingerprintOf(ctx context.Context, k *connection, create bool) (string, error) {
	var doc struct {
		Store string `bson:"store"`
	}
	find := func(ctx context.Context, k *connection) error {
		return k.coll.FindOne(ctx, byID(storeID)).Decode(&doc)
	}
	err := l.callOn(ctx, k, find)
	for tries := 0; create && errors.Is(err, mongo.ErrNoDocuments) && tries < raceTries; tries++ {
		// Locked without an end, so that a Python worker that were to use this key could not take it.
		err = l.insertStore(ctx, k, rand.Text()[:16])
		if err == nil || mongo.IsDuplicateKeyError(err) {
			err = l.callOn(ctx, k, find)
		}
	}
	if err != nil {
		return "", fmt.Errorf("reading the store's fingerprint: %w", err)
	}
	return doc.Store, nil
}

func (l *Locker) insertStore(ctx context.Context, k *connection, id string) error {
	return l.callOn(ctx, k, func(ctx context.Context, k *connection) error {
		_, err := k.coll.InsertOne(ctx, append(byID(storeID), storeFields(id)...))
		return err
	})
}

func storeFields(id string) bson.D {
	return bson.D{
		{Key: "locked", Value: true},
		{Key: "owner", Value: "mongogate"},
		{Key: "created", Value: nil},
		{Key: "expire", Value: nil},
		{Key: "state", Value: "store"},
		{Key: "store", Value: id},
	}
}

const purgeIndex = "mongogate_purgeAt"

// CreateIndex makes the TTL index on purgeAt, by which the server removes
// finished documents. It is the only index that a lock collection needs besides _id's.
func (l *Locker) CreateIndex(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*l.opts.Timing.Operation) // building an index may take longer than a call
	defer cancel()
	k, done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	_, err = k.coll.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: "purgeAt", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(0).SetName(purgeIndex),
	})
	if err != nil {
		return fmt.Errorf("creating the TTL index on purgeAt: %w", marked(err))
	}
	return nil
}

// Check looks at what can make a lock unsafe in this store. The error is that of a call; what was found is in Findings.
func (l *Locker) Check(ctx context.Context) (StoreInfo, error) {
	s, err := l.Store(ctx)
	if err != nil {
		return s, err
	}
	add := func(fatal bool, remedy, format string, args ...any) {
		s.Findings = append(s.Findings, Finding{Fatal: fatal, Problem: problem.Problem{Message: fmt.Sprintf(format, args...), Remedy: remedy}})
	}
	switch s.Kind {
	case "standalone":
		add(false, "use a replica set of three members", "the server is a standalone: what it acknowledges is as safe as its one disk, and nothing takes over when it is down")
	case "sharded":
		l.checkShards(ctx, add)
	}
	if err := l.properties(ctx, add); err != nil {
		return s, err
	}
	err = l.each(ctx, "", 0, func(d *document) {
		if d.unusable() {
			add(true, "mend the document or delete it, once nothing runs under its key; `mongogate show` prints it", "lock %q: nobody may take it: %s", d.Key, strings.Join(d.problems, "; "))
			s.Findings[len(s.Findings)-1].Unusable = true
			return
		}
		for _, p := range d.problems {
			add(false, "look at the document; `mongogate show` prints it", "lock %q: %s", d.Key, p)
		}
	})
	return s, err
}

func (l *Locker) checkShards(ctx context.Context, add func(bool, string, string, ...any)) {
	var c struct {
		Key bson.D `bson:"key"`
	}
	var name string
	err := l.call(ctx, func(ctx context.Context, k *connection) error {
		name = k.coll.Database().Name() + "." + k.coll.Name()
		return k.coll.Database().Client().Database("config").Collection("collections").FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&c)
	})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments), err == nil && len(c.Key) == 0:
		return // not sharded: it lives on one shard
	case err != nil:
		add(false, "allow find on config.collections, or make sure that the shard key is {_id: 1}", "could not read how %s is sharded: %v", name, err)
	case len(c.Key) != 1 || c.Key[0].Key != "_id":
		add(true, "use a collection that is not sharded, or sharded by {_id: 1}", "%s is sharded by %v: two shards could each have a document of one key", name, c.Key)
	}
}

func (l *Locker) checkIndexes(ctx context.Context, add adding) error {
	var found []bson.Raw
	err := l.call(ctx, func(ctx context.Context, k *connection) error {
		cur, err := k.coll.Indexes().List(ctx)
		if err != nil {
			return err
		}
		return cur.All(ctx, &found)
	})
	if err != nil {
		if unlisted(err) {
			add(false, "allow listIndexes on the collection", "the indexes could not be listed: %v", err)
			return nil
		}
		return fmt.Errorf("listing indexes: %w", marked(err))
	}
	purge := false
	for _, ix := range found {
		purge = judgeIndex(ix, add) || purge
	}
	if !purge && l.opts.Keep > 0 {
		add(false, "mongogate doctor --create-index", "there is no TTL index on purgeAt: finished documents stay forever")
	}
	return nil
}
