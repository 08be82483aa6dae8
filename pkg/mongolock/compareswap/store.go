// Package compareswap keeps locks in a collection whose server runs no pipelines: each change is computed here, and
// written only over the document that it was computed from.
package compareswap

import (
	"bytes"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Store is a [mongolock.Store] on a collection.
type Store struct{ collection *mongo.Collection }

var _ mongolock.Store = (*Store)(nil)

// New makes one. What it writes is acknowledged by a majority.
func New(c *mongo.Collection) *Store {
	return &Store{c.Clone(options.Collection().SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()))}
}

// Modify reads, computes, and writes where nobody has written meanwhile; else it begins again.
func (s *Store) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	for {
		before, err := s.Find(ctx, c.Key)
		if err != nil {
			return nil, err
		}
		after, applies := c.Apply(before, time.Now())
		switch {
		case !applies:
			return nil, nil
		case before == nil:
			_, err = s.collection.InsertOne(ctx, after)
		case !bytes.Equal(before, after):
			err = s.replace(ctx, before, after)
		}
		switch {
		case mongo.IsDuplicateKeyError(err), errors.Is(err, mongo.ErrNoDocuments):
			continue // somebody else was there first
		case err != nil:
			return nil, errors.Join(mongolock.ErrUnknown, err)
		case c.Before:
			return before, nil
		}
		return after, nil
	}
}

// replace writes over the very document.
func (s *Store) replace(ctx context.Context, before, after bson.Raw) error {
	elements, err := before.Elements()
	if err != nil {
		return err
	}
	filter := bson.D{}
	for _, e := range elements {
		filter = append(filter, bson.E{Key: e.Key(), Value: bson.D{{Key: "$eq", Value: e.Value()}}})
	}
	return s.collection.FindOneAndReplace(ctx, filter, after).Err()
}

// Find reads what a majority has.
func (s *Store) Find(ctx context.Context, key string) (bson.Raw, error) {
	raw, err := s.collection.FindOne(ctx, bson.D{{Key: "_id", Value: key}}).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	return raw, err
}
