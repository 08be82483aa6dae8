package fakemongo

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// statements runs the parts of an insert, update or delete; a part that fails
// is reported in writeErrors and ends the command unless it is unordered.
func (x *execution) statements(field string, run func(i int, statement bson.D) error) (writeErrors bson.A, err error) {
	list, ok := lookup(x.body, field).(bson.A)
	if !ok || len(list) == 0 {
		return nil, fail(72, "Write batch sizes must be between 1 and 100000. Got 0 operations.")
	}
	ordered := true
	if v := lookup(x.body, "ordered"); v != any(missing) {
		ordered = truthy(v)
	}
	for i, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(14, "BSON field '%s.%d' is the wrong type", field, i)
		}
		var e *Error
		switch err := run(i, d); {
		case errors.As(err, &e):
			writeErrors = append(writeErrors, bson.D{{Key: "index", Value: int32(i)}, {Key: "code", Value: e.Code}, {Key: "errmsg", Value: e.Message}})
			if ordered {
				return writeErrors, nil
			}
		case err != nil:
			return nil, err
		}
	}
	return writeErrors, nil
}

func withErrors(doc bson.D, writeErrors bson.A) bson.D {
	if len(writeErrors) > 0 {
		doc = append(doc, bson.E{Key: "writeErrors", Value: writeErrors})
	}
	return doc
}

// add stores a new document, with its _id in front as the server does.
func (x *execution) add(namespace string, doc bson.D) (id any, out bson.D, err error) {
	if id = lookup(doc, "_id"); id == any(missing) {
		id = bson.NewObjectID()
	}
	if _, isArray := id.(bson.A); isArray {
		return nil, nil, fail(53, "The '_id' value cannot be of type array")
	}
	out = append(bson.D{{Key: "_id", Value: id}}, with(doc, "_id", missing)...)
	key, err := idKey(id)
	if err != nil {
		return nil, nil, err
	}
	raw, err := encode(out)
	if err != nil {
		return nil, nil, err
	}
	if _, exists := x.data.collection(namespace).documents[key]; exists {
		return nil, nil, fail(CodeDuplicateKey, "E11000 duplicate key error collection: %s index: _id_ dup key: { _id: %v }", namespace, id)
	}
	x.put(namespace, key, id, nil, raw)
	return id, out, nil
}

func insert(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	n := int32(0)
	errs, err := x.statements("documents", func(_ int, doc bson.D) error {
		_, _, err := x.add(namespace, doc)
		if err == nil {
			n++
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return withErrors(bson.D{{Key: "n", Value: n}}, errs), nil
}

func deleteDocuments(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	n := int32(0)
	errs, err := x.statements("deletes", func(_ int, d bson.D) error {
		if err := onlyFields(d, "q", "limit", "hint"); err != nil {
			return err
		}
		q, err := document(d, "q")
		if err != nil {
			return err
		}
		docs, err := x.data.match(namespace, q, nil, number(d, "limit"), x.now)
		if err != nil {
			return err
		}
		for _, f := range docs {
			x.put(namespace, f.key, lookup(f.doc, "_id"), f.raw, nil)
			n++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return withErrors(bson.D{{Key: "n", Value: n}}, errs), nil
}

func onlyFields(d bson.D, names ...string) error {
	for _, e := range d {
		known := false
		for _, name := range names {
			known = known || e.Key == name
		}
		if !known {
			return fail(40415, "BSON field '%s' is an unknown field (or one that fakemongo does not implement).", e.Key)
		}
	}
	return nil
}

func update(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	var sum updated
	var upserted bson.A
	errs, err := x.statements("updates", func(i int, d bson.D) error {
		one, err := x.updateOne(namespace, d)
		sum.matched += one.matched
		sum.modified += one.modified
		if one.upserted != nil {
			upserted = append(upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: one.upserted}})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := bson.D{{Key: "n", Value: sum.matched}}
	if upserted != nil {
		out = append(out, bson.E{Key: "upserted", Value: upserted})
	}
	return withErrors(append(out, bson.E{Key: "nModified", Value: sum.modified}), errs), nil
}

// updated is what one statement of an update did.
type updated struct {
	matched, modified int32
	upserted          any // the _id
}

func (x *execution) updateOne(namespace string, d bson.D) (done updated, err error) {
	if err := onlyFields(d, "q", "u", "upsert", "multi", "hint", "collation"); err != nil {
		return done, err
	}
	if err := simple(d); err != nil {
		return done, err
	}
	q, err := document(d, "q")
	if err != nil {
		return done, err
	}
	modify, err := parseUpdate(lookup(d, "u"))
	if err != nil {
		return done, err
	}
	limit, upsert := 1, truthy(lookup(d, "upsert"))
	if truthy(lookup(d, "multi")) {
		if u, ok := lookup(d, "u").(bson.D); ok && !isOperators(u) {
			return done, fail(9, "multi update is not supported for replacement-style update")
		}
		limit = 0
	}
	docs, err := x.matchForUpdate(namespace, q, nil, limit, upsert)
	if err != nil {
		return done, err
	}
	for _, f := range docs {
		_, changed, err := x.change(namespace, f, modify)
		if err != nil {
			return done, err
		}
		done.matched++
		if changed {
			done.modified++
		}
	}
	if len(docs) == 0 && upsert {
		if done.upserted, _, err = x.upsert(namespace, q, modify); err == nil {
			done.matched = 1
		}
	}
	return done, err
}
