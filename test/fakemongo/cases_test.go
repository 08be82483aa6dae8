package fakemongo

import (
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Cases are written in short forms of bson.D and bson.A; wide makes them such.
type (
	d []e
	a []any
	e struct {
		k string
		v any
	}
)

func wide(v any) any {
	switch v := v.(type) {
	case d:
		out := bson.D{}
		for _, f := range v {
			out = append(out, bson.E{Key: f.k, Value: wide(f.v)})
		}
		return out
	case a:
		out := bson.A{}
		for _, item := range v {
			out = append(out, wide(item))
		}
		return out
	}
	return v
}

// sameCase is one document and one update, run on both servers. A case that
// mentions $$NOW is compared with a tolerance for times, every other to the byte.
type sameCase struct {
	name   string
	doc    d // nil: no document; _id is filled in
	update any
	filter d // beside _id
	upsert bool
}

func at(ms int64) bson.DateTime { return bson.DateTime(time.Now().UnixMilli() + ms) }

func set(fields ...e) a { return a{d{{"$set", d(fields)}}} }

// rich has a value of every kind that a lock document or a trap has.
func rich() d {
	return d{
		{"i", int32(7)},
		{"l", int64(7)},
		{"f", 7.5},
		{"g", 7.0},
		{"s", "text"},
		{"e", ""},
		{"t", true},
		{"n", nil},
		{"d", bson.DateTime(1_700_000_000_123)},
		{"o", d{{"x", int32(1)}, {"y", d{{"z", "deep"}}}}},
		{"a", a{int32(1), int64(2), 3.0, "four", nil}},
		{"ao", a{d{{"k", int32(1)}}, d{{"k", int32(2)}, {"j", "x"}}, int32(5), a{d{{"k", int32(9)}}}}},
		{"b", bson.Binary{Data: []byte{1, 2, 3}}},
		{"empty", a{}},
		{"big", int64(math.MaxInt64)},
		{"imax", int32(math.MaxInt32)},
		{"nan", math.NaN()},
		{"as", a{d{{"k", int32(1)}}, int32(5)}},
		{"aa", a{d{{"k", int32(1)}}, a{d{{"j", int32(1)}}}}},
	}
}

// pipelines of more than one field or stage.
var updates = []any{
	set(e{"i", "$nope"}),
	set(e{"o", d{{"$literal", d{}}}}), set(e{"i", "$l"}, e{"l", "$i"}, e{"zz", "$s"}), set(e{"z1", 1}, e{"a1", 2}, e{"i", 3}),
	a{d{{"$set", d{}}}},
	a{},
	set(e{"x", "$i"}),
	a{d{{"$set", d{{"x", "$i"}}}}, d{{"$set", d{{"y", "$x"}}}}, d{{"$unset", "x"}}},
	a{d{{"$unset", "i"}}},
	a{d{{"$unset", "nope"}}},
	a{d{{"$unset", "_id"}}},
	a{d{{"$replaceWith", "$o"}}},
	a{d{{"$replaceWith", "$i"}}},
	a{d{{"$replaceWith", "$nope"}}},
	a{d{{"$replaceWith", d{{"x", "$i"}, {"_id", "$_id"}}}}},
	a{d{{"$replaceWith", d{{"x", "$i"}, {"_id", "other"}}}}},
	a{d{{"$replaceWith", d{{"x", "$nope"}}}}},
	a{d{{"$replaceWith", d{{"$mergeObjects", a{d{{"first", 1}}, "$$ROOT", d{{"last", "$s"}}}}}}}},
	a{d{{"$replaceWith", d{{"$cond", a{"$t", "$$ROOT", d{{"x", 1}}}}}}}},
	a{d{{"$replaceWith", d{{"$cond", a{"$n", "$$ROOT", d{{"$mergeObjects", a{"$$ROOT", d{{"i", "$$REMOVE"}}}}}}}}}}},
	a{d{{"$replaceWith", "$$ROOT"}}},
	set(e{"_id", "other"}), set(e{"_id", "$_id"}), set(e{"_id", "$$REMOVE"}),
	set(e{"history", d{{"$slice", a{d{{"$concatArrays", a{d{{"$ifNull", a{"$history", a{}}}}, a{d{{"nonce", "$s"}, {"gone", "$nope"}}}}}}, -3}}}}),
	set(e{"i", d{{"$cond", a{false, 1, "$i"}}}}, e{"nope", d{{"$cond", a{false, 1, "$nope"}}}}),
	// operators
	d{{"$set", d{{"i", 9}}}},
	d{{"$set", d{{"z", 1}, {"b1", 2}, {"a1", 3}}}},
	d{{"$set", d{{"i", int32(7)}}}},
	d{{"$set", d{{"i", int64(7)}}}},
	d{{"$set", d{{"i", 1}}}, {"$unset", d{{"l", 1}}}},
	d{{"$inc", d{{"i", 1}}}},
	d{{"$inc", d{{"i", int64(1)}, {"l", int64(2)}, {"x", 2}}}},
	d{{"$inc", d{{"imax", int32(1)}}}},
	d{{"$inc", d{{"big", 1}}}},
	d{{"$inc", d{{"s", 1}}}},
	d{{"$inc", d{{"n", 1}}}},
	d{{"$inc", d{{"i", 0}}}},
	d{{"$max", d{{"i", 9}, {"l", 3}, {"x", 1}}}},
	d{{"$max", d{{"i", int64(7)}}}},
	d{{"$max", d{{"i", 7.5}}}},
	d{{"$max", d{{"n", 1}}}},
	d{{"$max", d{{"d", bson.DateTime(1)}}}},
	d{{"$set", d{}}},
	// replacements
	d{{"x", 1}},
	d{{"x", 1}, {"_id", "other"}},
	d{},
	d{{"locked", false}, {"owner", nil}, {"created", nil}, {"expire", nil}},
	d{{"$set", d{{"o", d{{"x", 1}, {"y", d{{"z", "deep"}}}}}}}},
}

var filters = []d{
	{{"i", 7}},
	{{"i", 7.0}},
	{{"i", 8}},
	{{"n", nil}},
	{{"nope", nil}},
	{{"i", nil}},
	{{"a", "four"}},
	{{"a", 2}},
	{{"a", a{1, 2, 3, "four", nil}}},
	{{"o", d{{"x", 1}}}},
	{{"i", d{{"$gt", 6}}}},
	{{"i", d{{"$gte", 7.0}}}},
	{{"i", d{{"$lt", int64(7)}}}},
	{{"i", d{{"$lte", 7}, {"$gt", 1}}}},
	{{"i", d{{"$gt", "a"}}}},
	{{"s", d{{"$gt", "a"}}}},
	{{"nope", d{{"$lt", 5}}}},
	{{"d", d{{"$lt", bson.DateTime(1_800_000_000_000)}}}},
	{{"d", d{{"$lt", 1e15}}}},
	{{"a", d{{"$gt", 2}}}},
	{{"a", d{{"$gt", 5}}}},
	{{"i", d{{"$ne", 7}}}},
	{{"nope", d{{"$ne", 7}}}},
	{{"nope", d{{"$ne", nil}}}},
	{{"a", d{{"$ne", 2}}}},
	{{"i", d{{"$in", a{1, 7}}}}},
	{{"nope", d{{"$in", a{nil}}}}},
	{{"a", d{{"$in", a{"four"}}}}},
	{{"i", d{{"$in", a{}}}}},
	{{"i", d{{"$in", 5}}}},
	{{"d", d{{"$type", "date"}}}},
	{{"n", d{{"$type", "null"}}}},
	{{"nope", d{{"$type", "null"}}}},
	{{"a", d{{"$type", "string"}}}},
	{{"a", d{{"$type", "array"}}}},
	{{"s", d{{"$not", d{{"$eq", "x"}}}}}},
	{{"$or", a{d{{"i", 1}}, d{{"l", 7}}}}},
	{{"$or", a{d{{"i", 1}}}}},
	{{"$and", a{d{{"i", 7}}, d{{"l", 7}}}}},
	{{"$and", a{d{{"i", 7}}, d{{"l", 8}}}}},
	{{"$or", a{}}},
	{{"$or", 1}},
	{{"$expr", d{{"$eq", a{"$i", "$l"}}}}},
	{{"$expr", d{{"$gt", a{"$d", "$$NOW"}}}}},
	{{"i", 7}, {"s", "text"}},
	{{"nan", math.NaN()}},
	{{"nan", d{{"$gte", 1}}}},
	{{"t", true}},
	{{"t", 1}},
}

// upserts run on no document; the filter has _id beside these.
var upserts = []sameCase{
	{update: set(e{"x", "$_id"})},
	{update: set(e{"x", "$nonce"}), filter: d{{"nonce", "N"}}},
	{update: set(e{"x", 1}), filter: d{{"n", d{{"$gt", 1}}}}},
	{update: d{{"x", 1}}, filter: d{{"z", 1}}},
	{update: d{{"x", 1}, {"_id", "other"}}},
	{update: d{{"$inc", d{{"x", 1}}}}},
	{update: d{{"$max", d{{"x", 1}}}}},
	{update: a{d{{"$replaceWith", d{{"x", "$_id"}}}}}},
	{update: a{d{{"$unset", "_id"}}}},
	{update: d{{"$unset", d{{"x", 1}}}}},
	{update: d{{"$set", d{{"z", 2}}}}, filter: d{{"z", 1}}},
	{update: a{d{{"$set", d{{"x", d{{"$type", "$y"}}}}}}}},
	{update: set(e{"t", "$$NOW"}, e{"e", d{{"$add", a{"$$NOW", 35000}}}})},
}
