//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	bareKey = "bare"
	bareNew = "bare-new"
)

// bare is a findAndModify of the same fields, encoded once: what a lock could
// cost if it decided nothing.
type bare struct {
	coll                  *mongo.Collection
	held, free, beat, new bson.Raw // updates
	taken                 bson.Raw // filter that no held document matches
	mine                  bson.Raw // filter
}

// newBare copies the fields of the documents that ours writes.
func newBare(coll *mongo.Collection, created, held, free bson.Raw) (*bare, error) {
	b := &bare{coll: coll}
	nonce := held.Lookup("nonce").StringValue()
	later := time.Now().Add(time.Minute)
	var errs []error
	encode := func(to *bson.Raw, v any) {
		raw, err := bson.Marshal(v)
		*to = raw
		errs = append(errs, err)
	}
	encode(&b.new, bson.D{{Key: "$set", Value: without(created)}})
	encode(&b.held, bson.D{{Key: "$set", Value: without(held)}})
	encode(&b.free, bson.D{{Key: "$set", Value: without(free)}, {Key: "$unset", Value: missing(held, free)}})
	encode(&b.beat, bson.D{{Key: "$set", Value: bson.D{{Key: "expire", Value: later}, {Key: "touched", Value: later}, {Key: "beat", Value: int64(1)}}}})
	encode(&b.taken, bson.D{{Key: "_id", Value: bareKey}, {Key: "locked", Value: false}})
	encode(&b.mine, bson.D{{Key: "_id", Value: bareKey}, {Key: "nonce", Value: nonce}, {Key: "state", Value: "held"}})
	return b, errors.Join(errs...)
}

// without is a document without its _id.
func without(doc bson.Raw) bson.D {
	var d bson.D
	for _, e := range elements(doc) {
		if e.Key() != "_id" {
			d = append(d, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return d
}

// missing are the fields that held has and free has not.
func missing(held, free bson.Raw) bson.D {
	var d bson.D
	for _, e := range elements(held) {
		if _, err := free.LookupErr(e.Key()); err != nil {
			d = append(d, bson.E{Key: e.Key(), Value: ""})
		}
	}
	return d
}

func elements(doc bson.Raw) []bson.RawElement {
	e, err := doc.Elements()
	if err != nil {
		panic(fmt.Sprintf("the server sent what is no document: %v", err))
	}
	return e
}

// modify asks for what mongolock asks for: the document as it then is, without its history.
func (b *bare) modify(ctx context.Context, filter any, update bson.Raw, upsert bool) error {
	o := options.FindOneAndUpdate().SetReturnDocument(options.After).SetUpsert(upsert).SetProjection(hideHistory)
	_, err := b.coll.FindOneAndUpdate(ctx, filter, update, o).Raw()
	return err
}

var hideHistory = bson.D{{Key: "history", Value: 0}}

func (b *bare) refuse(ctx context.Context) error {
	if err := b.modify(ctx, b.taken, b.held, false); !errors.Is(err, mongo.ErrNoDocuments) {
		return fmt.Errorf("the bare findAndModify found a free document (%w)", err)
	}
	return nil
}
