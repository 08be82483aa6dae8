package mongolock

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var _ Store = (*connections)(nil)

// hideHistory leaves out of an answer what no decision needs.
var hideHistory = bson.D{{Key: "history", Value: 0}} //nolint:gochecknoglobals // a constant

// The ways to ask. Who renews knows who holds the key, and wants to know whether anybody else has written.
//
//nolint:gochecknoglobals // constants
var (
	exactly   = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory).SetCollation(bytewise)
	updating  = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory)
	renewing  = options.FindOneAndUpdate().SetReturnDocument(options.Before).SetProjection(bson.D{{Key: "history", Value: 0}, {Key: "holder", Value: 0}})
	upserting = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory).SetUpsert(true)
)

// Modify is one findAndModify, on the connection in use.
func (c *connections) Modify(ctx context.Context, change Change) (bson.Raw, error) {
	how := updating
	switch {
	case change.Upsert:
		how = upserting
	case change.Before:
		how = renewing
	case change.exactly:
		how = exactly
	}
	k, done := c.use()
	defer done()
	ctx, cancel := context.WithTimeout(ctx, change.Within)
	defer cancel()
	sent := time.Now()
	raw, err := k.coll.FindOneAndUpdate(ctx, change.Filter, change.Pipeline, how).Raw()
	return found(raw, k.heard(ctx, sent, err))
}

// Find is one read, on the connection in use.
func (c *connections) Find(ctx context.Context, key string) (bson.Raw, error) {
	k, done := c.use()
	defer done()
	sent := time.Now()
	raw, err := k.coll.FindOne(ctx, byID(key), options.FindOne().SetProjection(hideHistory)).Raw()
	return found(raw, k.heard(ctx, sent, err))
}

func byID(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }

// found is what a server has answered with, nil for no document.
func found(raw bson.Raw, err error) (bson.Raw, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	// A write concern error comes with the document, but what it shows is not a majority's: it is no answer.
	if err != nil {
		return nil, marked(err)
	}
	return raw, nil
}
