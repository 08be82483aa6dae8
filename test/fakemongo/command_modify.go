package fakemongo

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// change applies an update to a stored document. One that leaves every byte as it was writes nothing.
func (x *execution) change(namespace string, f found, modify modifier) (bson.D, bool, error) {
	out, err := modify.modify(scope{root: f.doc, now: x.now})
	if err != nil {
		return nil, false, err
	}
	raw, err := encode(out)
	if err != nil {
		return nil, false, err
	}
	if bytes.Equal(raw, f.raw) {
		return out, false, nil
	}
	x.put(namespace, f.key, lookup(out, "_id"), f.raw, raw)
	return out, true, nil
}

// upsert makes a document out of what the filter wants to be equal, and the update.
// The server orders the fields of the former by a hash; here they keep the filter's order.
func (x *execution) upsert(namespace string, q bson.D, modify modifier) (any, bson.D, error) {
	seed := bson.D{}
	for _, e := range q {
		if !isOperators(e.Value) {
			seed = with(seed, e.Key, e.Value)
		}
	}
	doc, err := modify.modify(scope{root: seed, now: x.now})
	if err != nil {
		return nil, nil, err
	}
	return x.add(namespace, doc)
}

func findAndModify(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	q, err := document(x.body, "query")
	if err != nil {
		return nil, err
	}
	project, err := parseProjection(x.body, "fields")
	if err != nil {
		return nil, err
	}
	modify, err := parseUpdate(lookup(x.body, "update"))
	if err != nil {
		return nil, err
	}
	upsert := truthy(lookup(x.body, "upsert"))
	if upsert && slices.ContainsFunc(q, func(e bson.E) bool { return !isName(e.Key) }) {
		return nil, unsupported("an upsert by %v", q)
	}
	docs, err := x.data.match(namespace, q, 1, x.now)
	if err != nil {
		return nil, err
	}
	last := bson.D{{Key: "n", Value: int32(len(docs))}, {Key: "updatedExisting", Value: len(docs) > 0}}
	var before, after any
	switch {
	case len(docs) > 0:
		out, _, err := x.change(namespace, docs[0], modify)
		if err != nil {
			return nil, err
		}
		before, after = project(docs[0].doc), project(out)
	case upsert:
		id, out, err := x.upsert(namespace, q, modify)
		if err != nil {
			return nil, err
		}
		last = bson.D{{Key: "n", Value: int32(1)}, {Key: "updatedExisting", Value: false}, {Key: "upserted", Value: id}}
		after = project(out)
	}
	value := before
	if truthy(lookup(x.body, "new")) {
		value = after
	}
	return bson.D{{Key: "lastErrorObject", Value: last}, {Key: "value", Value: value}}, nil
}
