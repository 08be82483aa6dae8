package mongolock

import (
	"errors"
	"math"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/must"
)

// fenced is a collection of documents that are fenced, empty.
func fenced(t *testing.T) *mongo.Collection {
	t.Helper()
	w := newWire(t, sharedServer(t, 0))
	c := w.direct.conn.current().coll.Database().Collection("fenced")
	_ = c.Drop(t.Context())
	t.Cleanup(func() { _ = c.Drop(t.Context()) })
	return c
}

// TestFenceLetsNoLateWriteThrough: whatever the field has become, a write with an older token matches nothing.
func TestFenceLetsNoLateWriteThrough(t *testing.T) {
	c := fenced(t)
	for name, v := range map[string]struct {
		fence any
		want  int64
	}{
		"missing": {nil, 1}, "null": {bson.Null{}, 1}, "lower": {int64(7), 1}, "the same": {int64(8), 1}, "a lower int": {int32(7), 1}, "a lower double": {7.5, 1},
		"higher": {int64(9), 0}, "a higher int": {int32(9), 0}, "a higher double": {8.5, 0}, "far higher": {9e15, 0}, "infinite": {math.Inf(1), 0}, "not a number": {math.NaN(), 0},
		"a string": {"7", 0}, "a list": {bson.A{int64(1)}, 0}, "a list with a higher one": {bson.A{int64(1), int64(9)}, 0}, "an empty list": {bson.A{}, 0}, "a list of null": {bson.A{nil}, 0},
		"a document": {bson.D{{Key: "n", Value: 1}}, 0}, "true": {true, 0}, "a date": {bson.DateTime(1), 0},
	} {
		for _, field := range []string{"fence", "meta.token"} {
			doc := bson.D{{Key: "_id", Value: name + field}}
			if v.fence != nil {
				if outer, inner, nested := strings.Cut(field, "."); nested {
					doc = append(doc, bson.E{Key: outer, Value: bson.D{{Key: inner, Value: v.fence}}})
				} else {
					doc = append(doc, bson.E{Key: field, Value: v.fence})
				}
			}
			must.Get(c.InsertOne(t.Context(), doc))(t)
			f := Fence(8).In(field)
			for kind, update := range map[string]any{
				"operators": bson.D{{Key: "$set", Value: bson.D{{Key: "by", Value: "late"}}}},
				"pipeline":  mongo.Pipeline{{{Key: "$set", Value: bson.D{{Key: "by", Value: "late"}}}}},
			} {
				r, err := c.UpdateOne(t.Context(), f.Filter(bson.M{"_id": name + field}), f.Update(update))
				if err != nil || r.MatchedCount != v.want {
					t.Errorf("%s in %s by %s: %+v, %v, want %d", name, field, kind, r, err, v.want)
				}
			}
			n, err := c.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: name + field}, {Key: field, Value: int64(8)}})
			if err != nil || n != v.want {
				t.Errorf("%s in %s: remembered %d times, %v", name, field, n, err)
			}
		}
	}
}

// TestFenceMerges: the caller's own part of an update is written, in whatever form it comes.
func TestFenceMerges(t *testing.T) {
	c := fenced(t)
	type highest struct {
		Best int `bson:"best"`
	}
	f := Fence(8)
	for name, update := range map[string]any{
		"$max of bson.D":   bson.D{{Key: "$max", Value: bson.D{{Key: "best", Value: 5}}}},
		"$max of bson.M":   bson.D{{Key: "$max", Value: bson.M{"best": 5}}},
		"$max of a struct": bson.D{{Key: "$max", Value: highest{5}}},
		"two $max":         bson.D{{Key: "$max", Value: bson.D{{Key: "best", Value: 5}}}, {Key: "$max", Value: bson.D{{Key: "other", Value: 1}}}},
		"bson.M":           bson.M{"$max": bson.M{"best": 5}, "$set": bson.M{"x": 1}},
		"a struct": struct {
			Set highest `bson:"$set"`
		}{highest{5}},
		"a pipeline":    bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: "best", Value: 5}}}}, bson.D{{Key: "$unset", Value: "fence"}}},
		"a replacement": bson.D{{Key: "best", Value: 5}},
	} {
		must.Get(c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: name}, {Key: "fence", Value: int64(7)}, {Key: "best", Value: 1}}))(t)
		filter := f.Filter(bson.D{{Key: "_id", Value: name}, {Key: "$and", Value: bson.A{bson.D{{Key: "best", Value: 1}}}}})
		var r *mongo.UpdateResult
		var err error
		if name == "a replacement" {
			r, err = c.ReplaceOne(t.Context(), filter, f.Update(update))
		} else {
			r, err = c.UpdateOne(t.Context(), filter, f.Update(update))
		}
		if err != nil || r.ModifiedCount != 1 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if n, err := c.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: name}, {Key: "best", Value: 5}, {Key: "fence", Value: int64(8)}}); err != nil || n != 1 {
			t.Errorf("%s: not both are written (%v)", name, err)
		}
	}
}

// TestFenceRefusesWhatItCannotProtect: nothing is sent, and the error says why.
func TestFenceRefusesWhatItCannotProtect(t *testing.T) {
	c := fenced(t)
	must.Get(c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "name", Value: "a"}, {Key: "fence", Value: int64(9)}}))(t)
	set := bson.D{{Key: "$set", Value: bson.D{{Key: "x", Value: 1}}}}
	id := bson.D{{Key: "_id", Value: 1}}
	upsert := options.UpdateOne().SetUpsert(true)
	ours := map[string]func() error{
		"a token of zero": func() error {
			_, err := c.UpdateOne(t.Context(), Fence(0).Filter(id), Fence(0).Update(set))
			return err
		},
		"no field": func() error {
			f := Fence(8).In("")
			_, err := c.UpdateOne(t.Context(), f.Filter(id), f.Update(set))
			return err
		},
		"the _id as field": func() error {
			f := Fence(8).In("_id")
			_, err := c.UpdateOne(t.Context(), f.Filter(id), set)
			return err
		},
		"a nil filter": func() error { _, err := c.UpdateOne(t.Context(), Fence(8).Filter(nil), set); return err },
		"the field itself": func() error {
			_, err := c.UpdateOne(t.Context(), id, Fence(8).Update(bson.D{{Key: "$set", Value: bson.D{{Key: "fence", Value: 1}}}}))
			return err
		},
		"the field removed": func() error {
			_, err := c.UpdateOne(t.Context(), id, Fence(8).Update(bson.M{"$unset": bson.M{"fence": 1}}))
			return err
		},
		"the field renamed": func() error {
			_, err := c.UpdateOne(t.Context(), id, Fence(8).Update(bson.M{"$rename": bson.M{"x": "fence"}}))
			return err
		},
		"its parent": func() error {
			_, err := c.UpdateOne(t.Context(), id, Fence(8).In("meta.fence").Update(bson.M{"$set": bson.M{"meta": 1}}))
			return err
		},
		"a document with the field": func() error { _, err := c.ReplaceOne(t.Context(), id, Fence(8).Update(bson.M{"fence": 1})); return err },
		"operators beside fields": func() error {
			_, err := c.UpdateOne(t.Context(), id, Fence(8).Update(bson.M{"$set": bson.M{"x": 1}, "y": 1}))
			return err
		},
		"what is no document": func() error { _, err := c.UpdateOne(t.Context(), id, Fence(8).Update(5)); return err },
	}
	for name, call := range ours {
		if err := call(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	for name, filter := range map[string]bson.D{
		"by a name": {{Key: "name", Value: "a"}}, "by an _id in a list": {{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{1}}}}}, "by everything": {},
	} {
		f := Fence(8)
		if _, err := c.UpdateOne(t.Context(), f.Filter(filter), f.Update(set), upsert); err == nil {
			t.Errorf("an upsert %s was let through", name)
		}
	}
	f := Fence(8)
	if _, err := c.UpdateOne(t.Context(), f.Filter(id), f.Update(set), upsert); !mongo.IsDuplicateKeyError(err) {
		t.Errorf("a late upsert: %v, want a duplicate key", err)
	}
	if r, err := c.UpdateOne(t.Context(), f.Filter(bson.D{{Key: "_id", Value: 2}}), f.Update(set), upsert); err != nil || r.UpsertedCount != 1 {
		t.Errorf("a first upsert: %+v, %v", r, err)
	}
	if n, err := c.CountDocuments(t.Context(), bson.D{}); err != nil || n != 2 {
		t.Errorf("%d documents, %v, want the two", n, err)
	}
}
