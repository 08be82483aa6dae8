package mongolock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

type adding func(fatal bool, remedy, format string, args ...any)

const anotherCollection = "use an ordinary collection: let mongogate make it, or create it without options"

// Suitable returns an [ErrCollection] where the collection has a property by
// which a key is not one document forever, as far as that can be seen with the rights of
// who asks. Without any right beyond those of a lock it sees a capped collection
// and one that does not compare keys byte for byte. What it cannot see is no error; [Locker.Check] says what that was.
func (l *Locker) Suitable(ctx context.Context) error {
	var broken []string
	err := l.properties(ctx, func(fatal bool, remedy, format string, args ...any) {
		if fatal {
			broken = append(broken, fmt.Sprintf(format, args...)+"; "+remedy)
		}
	})
	if len(broken) > 0 {
		return fmt.Errorf("%w: %s", ErrCollection, strings.Join(broken, "; "))
	}
	return err
}

// properties looks at the collection itself and at its indexes.
func (l *Locker) properties(ctx context.Context, add adding) error {
	listed, err := l.checkOptions(ctx, add)
	if err == nil && !listed {
		err = l.tryOptions(ctx, add)
	}
	if err != nil {
		return err
	}
	return l.checkIndexes(ctx, add)
}

// collectionOptions are what listCollections says of a collection.
type collectionOptions struct {
	Type    string `bson:"type"`
	Options struct {
		Capped           bool     `bson:"capped"`
		Collation        bson.Raw `bson:"collation"`
		Validator        bson.Raw `bson:"validator"`
		ValidationAction string   `bson:"validationAction"`
		ValidationLevel  string   `bson:"validationLevel"`
		EncryptedFields  bson.Raw `bson:"encryptedFields"`
		ClusteredIndex   struct {
			Key bson.D `bson:"key"`
		} `bson:"clusteredIndex"`
		Expire bson.RawValue `bson:"expireAfterSeconds"`
	} `bson:"options"`
}

// checkOptions asks for the options of the collection. false: they may not be listed.
func (l *Locker) checkOptions(ctx context.Context, add adding) (bool, error) {
	var found []collectionOptions
	err := l.call(ctx, func(ctx context.Context, k *connection) error {
		cur, err := k.coll.Database().ListCollections(ctx, bson.D{{Key: "name", Value: k.coll.Name()}})
		if err != nil {
			return err
		}
		return cur.All(ctx, &found)
	})
	if err != nil {
		if unlisted(err) {
			add(false, "allow listCollections on the database", "how the collection was made could not be listed (capped and collation were looked for otherwise; not seen: a view, a time series, a validator, encrypted fields, clustering): %v", err)
			return false, nil
		}
		return false, fmt.Errorf("listing the collection: %w", err)
	}
	for _, c := range found {
		c.judge(add)
	}
	return true, nil
}

// unlisted tells errors of a listing that this user, or this server, does not give.
func unlisted(err error) bool {
	var ce mongo.CommandError
	// Unauthorized, no collection yet, CommandNotFound, CommandNotSupported, AtlasError
	return errors.As(err, &ce) && (ce.Code == 13 || ce.Code == 26 || ce.Code == 59 || ce.Code == 115 || ce.Code == 8000)
}

func (c *collectionOptions) judge(add adding) {
	o := &c.Options
	if c.Type != "" && c.Type != "collection" {
		add(true, anotherCollection, "the collection is a %s", c.Type)
	}
	if o.Capped {
		add(true, anotherCollection, "the collection is capped: it evicts the oldest documents, held locks among them")
	}
	if locale, _ := o.Collation.Lookup("locale").StringValueOK(); len(o.Collation) > 0 && locale != "simple" {
		add(true, anotherCollection, "the collection has the collation %v: keys that differ can be one lock", o.Collation)
	}
	if len(o.EncryptedFields) > 0 {
		add(true, anotherCollection, "the collection has encrypted fields: what a lock decides by cannot be compared")
	}
	if k := o.ClusteredIndex.Key; len(k) > 0 && (len(k) != 1 || k[0].Key != "_id") {
		add(true, anotherCollection, "the collection is clustered by %v, not by _id: a key could have two documents", k)
	}
	if o.Expire.Type != 0 {
		add(true, anotherCollection, "the collection removes documents by age: it can delete a lock that is held")
	}
	if len(o.Validator) > 2+3 && o.ValidationAction != "warn" && o.ValidationLevel != "off" {
		add(false, "remove it, or make sure that it accepts a document that is held, free (owner, created and expire null) and done", "the collection has a validator: one that refuses a renewal ends a lease, one that refuses a release blocks the key")
	}
}

// tryOptions looks at what a collection does, with the right to read it alone.
func (l *Locker) tryOptions(ctx context.Context, add adding) error {
	// Only a capped collection has tailable cursors, which stay open behind what they have found. Some servers take no
	// notice of the word, and close the cursor.
	open := false
	err := l.call(ctx, func(ctx context.Context, k *connection) error {
		cur, err := k.coll.Find(ctx, byID(storeID), options.Find().SetCursorType(options.Tailable))
		if err == nil {
			open = cur.ID() != 0
			err = cur.Close(ctx)
		}
		return err
	})
	var said mongo.CommandError
	switch {
	case open:
		add(true, anotherCollection, "the collection is capped: it evicts the oldest documents, held locks among them")
	case err != nil && !errors.As(err, &said):
		return fmt.Errorf("looking whether the collection is capped: %w", err)
	}
	// The document of the fingerprint has no capitals, no accent and no number.
	for _, other := range []string{strings.ToUpper(storeID), strings.Replace(storeID, "o", "ó", 1), strings.Replace(storeID, "s", "S", 1)} {
		var raw bson.Raw
		err := l.call(ctx, func(ctx context.Context, k *connection) (err error) {
			raw, err = k.coll.FindOne(ctx, byID(other)).Raw()
			return err
		})
		if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
			return fmt.Errorf("looking how the collection compares keys: %w", err)
		}
		if id, _ := raw.Lookup("_id").StringValueOK(); err == nil && id != other {
			add(true, anotherCollection, "the collection has a collation: asked for %q it answers with %q, so keys that differ can be one lock", other, id)
			return nil
		}
	}
	return nil
}

// judgeIndex says whether an index can delete a lock that is held, or keep one from being taken. It is true for a TTL index on purgeAt, as we make it.
func judgeIndex(ix bson.Raw, add adding) (purge bool) {
	var d struct {
		Name    string        `bson:"name"`
		Key     bson.D        `bson:"key"`
		Expire  bson.RawValue `bson:"expireAfterSeconds"`
		Unique  bool          `bson:"unique"`
		Prepare bool          `bson:"prepareUnique"` // it refuses already what a unique one would
		Partial bson.Raw      `bson:"partialFilterExpression"`
	}
	if err := bson.Unmarshal(ix, &d); err != nil {
		add(false, "look at the indexes", "an index could not be understood: %v", err)
		return false
	}
	only := len(d.Key) == 1
	if d.Expire.Type != 0 {
		purge = only && d.Key[0].Key == "purgeAt"
		switch {
		case purge:
		case sparesHeld(d.Partial):
			add(false, "drop it; purgeAt is what finished documents are removed by", "index %q removes documents that are not held by another field than purgeAt: tokens and done records go with them", d.Name)
		default:
			add(true, "drop it", "index %q removes documents by another field than purgeAt: it can delete a lock that is held", d.Name)
		}
	}
	if (d.Unique || d.Prepare) && (!only || d.Key[0].Key != "_id") {
		add(true, "drop it", "index %q is unique: one lock can keep another from being taken, renewed or released", d.Name)
	}
	return purge
}

// sparesHeld is true for a partial filter that no held document matches.
func sparesHeld(filter bson.Raw) bool {
	state, _ := filter.Lookup("state").StringValueOK()
	locked, is := filter.Lookup("locked").BooleanOK()
	return state == stateDone || state == stateFree || is && !locked
}
