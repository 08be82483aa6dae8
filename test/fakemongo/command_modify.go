package fakemongo

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func isOperators(u bson.D) bool { return len(u) > 0 && strings.HasPrefix(u[0].Key, "$") }

// matchForUpdate is match, with what the server refuses in the filter of an upsert.
func (x *execution) matchForUpdate(namespace string, q, sort bson.D, limit int, upsert bool) ([]found, error) {
	if upsert && mentionsExpr(q) {
		return nil, fail(224, "$expr is not allowed in the query predicate for an upsert")
	}
	return x.data.match(namespace, q, sort, limit, x.now)
}

func mentionsExpr(q bson.D) bool {
	for _, e := range q {
		if e.Key == "$expr" {
			return true
		}
		if list, ok := e.Value.(bson.A); ok && (e.Key == "$and" || e.Key == "$or" || e.Key == "$nor") {
			for _, item := range list {
				if d, ok := item.(bson.D); ok && mentionsExpr(d) {
					return true
				}
			}
		}
	}
	return false
}

// change applies an update to a stored document. One that leaves every byte as it was writes nothing.
func (x *execution) change(namespace string, f found, modify modifier) (bson.D, bool, error) {
	out, err := modify.modify(scope{root: f.doc, now: x.now}, false)
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

// upsert makes a document out of the equalities of the filter and the update.
// The server orders the fields of the former by a hash; here they keep the filter's order.
func (x *execution) upsert(namespace string, q bson.D, modify modifier) (any, bson.D, error) {
	seed, err := equalities(bson.D{}, q)
	if err != nil {
		return nil, nil, err
	}
	doc, err := modify.modify(scope{root: seed, now: x.now}, true)
	if err != nil {
		return nil, nil, err
	}
	return x.add(namespace, doc)
}

func equalities(seed, q bson.D) (bson.D, error) {
	var err error
	for _, e := range q {
		list, isList := e.Value.(bson.A)
		v, fixed := equalTo(e.Value)
		switch {
		case isList && (e.Key == "$and" || e.Key == "$or" && len(list) == 1):
			for _, item := range list {
				d, _ := item.(bson.D)
				if seed, err = equalities(seed, d); err != nil {
					return nil, err
				}
			}
		case strings.HasPrefix(e.Key, "$") || !fixed:
		default:
			parts := strings.Split(e.Key, ".")
			if walk(seed, parts) != any(missing) {
				return nil, fail(54, "cannot infer query fields to set, path '%s' is matched twice", e.Key)
			}
			if seed, err = (change{op: "$set", parts: parts, arg: v}).apply(seed, parts); err != nil {
				return nil, err
			}
		}
	}
	return seed, nil
}

// equalTo is the value that a filter's condition fixes, if it fixes one.
func equalTo(condition any) (any, bool) {
	switch c := condition.(type) {
	case bson.Regex:
		return nil, false
	case bson.D:
		if isOperators(c) {
			v := lookup(c, "$eq")
			return v, v != any(missing)
		}
	}
	return condition, true
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
	sort, err := document(x.body, "sort")
	if err != nil {
		return nil, err
	}
	fields, err := document(x.body, "fields")
	if err != nil {
		return nil, err
	}
	project, err := parseProjection(fields)
	if err != nil {
		return nil, err
	}
	remove, upsert, after := truthy(lookup(x.body, "remove")), truthy(lookup(x.body, "upsert")), truthy(lookup(x.body, "new"))
	u := lookup(x.body, "update")
	switch {
	case remove && (u != any(missing) || upsert || after):
		return nil, fail(9, "Cannot specify update, upsert or new with remove=true")
	case !remove && u == any(missing):
		return nil, fail(9, "Either an update or remove=true must be specified")
	}
	var modify modifier
	if !remove {
		if modify, err = parseUpdate(u); err != nil {
			return nil, err
		}
	}
	docs, err := x.matchForUpdate(namespace, q, sort, 1, upsert)
	if err != nil {
		return nil, err
	}
	last := bson.D{{Key: "n", Value: int32(len(docs))}}
	var value any
	switch {
	case remove && len(docs) > 0:
		x.put(namespace, docs[0].key, lookup(docs[0].doc, "_id"), docs[0].raw, nil)
		value = project.apply(docs[0].doc)
	case remove:
	case len(docs) > 0:
		last = append(last, bson.E{Key: "updatedExisting", Value: true})
		out, _, err := x.change(namespace, docs[0], modify)
		if err != nil {
			return nil, err
		}
		value = project.apply(docs[0].doc)
		if after {
			value = project.apply(out)
		}
	case upsert:
		id, out, err := x.upsert(namespace, q, modify)
		if err != nil {
			return nil, err
		}
		last = bson.D{{Key: "n", Value: int32(1)}, {Key: "updatedExisting", Value: false}, {Key: "upserted", Value: id}}
		if after {
			value = project.apply(out)
		}
	default:
		last = append(last, bson.E{Key: "updatedExisting", Value: false})
	}
	return bson.D{{Key: "lastErrorObject", Value: last}, {Key: "value", Value: value}}, nil
}
