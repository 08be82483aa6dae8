package fakemongo

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// statements runs the parts of an insert, update or delete; a part that fails
// is reported in writeErrors and ends the command.
func (x *execution) statements(field string, run func(statement bson.D) error) (writeErrors bson.A, err error) {
	list, ok := lookup(x.body, field).(bson.A)
	if !ok || len(list) == 0 {
		return nil, fail(72, "Write batch sizes must be between 1 and 100000. Got 0 operations.")
	}
	if v := lookup(x.body, "ordered"); v != any(missing) && !truthy(v) {
		return nil, unsupported("writes without an order")
	}
	for i, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(14, "BSON field '%s.%d' is the wrong type", field, i)
		}
		var e *Error
		switch err := run(d); {
		case errors.As(err, &e):
			return bson.A{bson.D{{Key: "index", Value: int32(i)}, {Key: "code", Value: e.Code}, {Key: "errmsg", Value: e.Message}}}, nil
		case err != nil:
			return nil, err
		}
	}
	return nil, nil
}

func withErrors(doc bson.D, writeErrors bson.A) bson.D {
	if len(writeErrors) > 0 {
		doc = append(doc, bson.E{Key: "writeErrors", Value: writeErrors})
	}
	return doc
}

// add stores a new document, with its _id in front as the server does.
func (x *execution) add(namespace string, doc bson.D) (id any, out bson.D, err error) {
	id = lookup(doc, "_id")
	if _, isArray := id.(bson.A); isArray || id == any(missing) {
		return nil, nil, unsupported("documents without _id, or with an array there")
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
	errs, err := x.statements("documents", func(doc bson.D) error {
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
	errs, err := x.statements("deletes", func(d bson.D) error {
		if err := knows(d, "q", "limit"); err != nil {
			return err
		}
		q, err := document(d, "q")
		if err != nil {
			return err
		}
		docs, err := x.data.match(namespace, q, number(d, "limit"), x.now)
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

func update(x *execution) (bson.D, error) {
	namespace, err := x.namespace()
	if err != nil {
		return nil, err
	}
	matched, modified := int32(0), int32(0)
	errs, err := x.statements("updates", func(d bson.D) error {
		if err := knows(d, "q", "u", "multi", "collation"); err != nil {
			return err
		}
		q, err := document(d, "q")
		if err != nil {
			return err
		}
		modify, err := parseUpdate(lookup(d, "u"))
		if err != nil {
			return err
		}
		limit := 1
		if truthy(lookup(d, "multi")) {
			limit = 0
			if u, ok := lookup(d, "u").(bson.D); ok && !isOperators(u) {
				return fail(9, "multi update is not supported for replacement-style update")
			}
		}
		docs, err := x.data.match(namespace, q, limit, x.now)
		if err != nil {
			return err
		}
		for _, f := range docs {
			_, changed, err := x.change(namespace, f, modify)
			if err != nil {
				return err
			}
			matched++
			if changed {
				modified++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return withErrors(bson.D{{Key: "n", Value: matched}, {Key: "nModified", Value: modified}}, errs), nil
}
