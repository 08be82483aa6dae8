package fakemongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// modifier is a parsed update: a pipeline, operators or a replacement.
type modifier func(s scope) (bson.D, error)

func parseUpdate(u any) (modifier, error) {
	switch u := u.(type) {
	case bson.A:
		stages, err := parsePipeline(u)
		if err != nil {
			return nil, err
		}
		return func(s scope) (bson.D, error) { return runPipeline(stages, s) }, nil
	case bson.D:
		if isOperators(u) {
			return parseOperators(u)
		}
		if !slices.ContainsFunc(u, func(e bson.E) bool { return !isName(e.Key) }) {
			return func(scope) (bson.D, error) { return u, nil }, nil
		}
	}
	return nil, unsupported("the update %v", u)
}

// modify applies the update and keeps what the server keeps: an _id that the
// update does not name stays, one that it changes is an error.
func (m modifier) modify(s scope) (bson.D, error) {
	old := lookup(s.root, "_id")
	out, err := m(s)
	if err != nil {
		return nil, err
	}
	id := lookup(out, "_id")
	if id == any(missing) {
		id = old
	}
	if c, err := compare(old, id); err != nil || c != 0 {
		return nil, fail(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
	}
	return append(bson.D{{Key: "_id", Value: id}}, with(out, "_id", missing)...), nil
}

type change struct {
	op    string
	field string
	arg   any
}

// parseOperators takes fields at the top, each named once.
func parseOperators(u bson.D) (modifier, error) {
	var changes []change
	for _, op := range u {
		fields, ok := op.Value.(bson.D)
		if !ok || !slices.Contains([]string{"$set", "$unset", "$inc", "$max"}, op.Key) {
			return nil, unsupported("the update operator %s: %v", op.Key, op.Value)
		}
		for _, e := range fields {
			again := slices.ContainsFunc(changes, func(c change) bool { return c.field == e.Key })
			if again || e.Key == "_id" || !isName(e.Key) || op.Key == "$inc" && !isNumber(e.Value) {
				return nil, unsupported("%s of %s by %v", op.Key, e.Key, e.Value)
			}
			changes = append(changes, change{op.Key, e.Key, e.Value})
		}
	}
	// The server applies changes in the order of their fields, whatever the order in the command.
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.field, b.field) })
	return func(s scope) (bson.D, error) {
		doc := s.root
		for _, c := range changes {
			v, err := c.value(lookup(doc, c.field))
			if err != nil {
				return nil, err
			}
			doc = with(doc, c.field, v)
		}
		return doc, nil
	}, nil
}

func (c change) value(old any) (any, error) {
	switch {
	case c.op == "$unset":
		return missing, nil
	case c.op == "$set", old == any(missing):
		return c.arg, nil
	case c.op == "$max":
		if sign, err := compare(c.arg, old); err != nil || sign > 0 {
			return c.arg, err
		}
		return old, nil
	case !isNumber(old):
		return nil, fail(14, "Cannot apply $inc to a value of non-numeric type: %T", old)
	}
	sum, err := add([]any{old, c.arg})
	if _, over := sum.(float64); over {
		return nil, fail(2, "Failed to apply $inc operations to current value (%v)", old)
	}
	return sum, err
}
