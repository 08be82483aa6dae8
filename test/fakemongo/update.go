package fakemongo

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// modifier is a parsed update: a pipeline, operators or a replacement.
type modifier func(s scope, inserting bool) (bson.D, error)

func parseUpdate(u any) (modifier, error) {
	switch u := u.(type) {
	case bson.A:
		stages, err := parsePipeline(u)
		if err != nil {
			return nil, err
		}
		return func(s scope, _ bool) (bson.D, error) { return runPipeline(stages, s) }, nil
	case bson.D:
		if len(u) > 0 && strings.HasPrefix(u[0].Key, "$") {
			return parseOperators(u)
		}
		return func(_ scope, inserting bool) (bson.D, error) {
			for _, e := range u {
				if strings.HasPrefix(e.Key, "$") && !inserting {
					return nil, dollarPrefixed(e.Key)
				}
			}
			return u, nil
		}, nil
	}
	return nil, fail(9, "the update must be an object or an array, found: %T", u)
}

// modify applies the update and keeps what the server keeps: an _id that the
// update does not name stays, one that it changes is an error.
func (m modifier) modify(s scope, inserting bool) (bson.D, error) {
	old := lookup(s.root, "_id")
	out, err := m(s, inserting)
	if err != nil {
		return nil, err
	}
	id := lookup(out, "_id")
	if old == any(missing) {
		return out, nil
	}
	if id == any(missing) {
		id = old
	}
	if c, err := compare(old, id); err != nil || c != 0 {
		return nil, fail(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
	}
	return append(bson.D{{Key: "_id", Value: id}}, with(out, "_id", missing)...), nil
}

// dollarPrefixed is refused in a stored document, and strangely not in one that is upserted.
func dollarPrefixed(field string) error {
	return fail(52, "The dollar ($) prefixed field '%s' is not allowed in the context of an update's replacement document.", field)
}

type change struct {
	op    string
	parts []string
	arg   any
}

func parseOperators(u bson.D) (modifier, error) {
	var changes []change
	for _, op := range u {
		switch op.Key {
		case "$set", "$unset", "$setOnInsert", "$inc", "$max", "$min":
		case "$push", "$pull", "$addToSet", "$pop", "$mul", "$rename", "$bit", "$currentDate", "$pullAll":
			return nil, unsupported("the update operator %s", op.Key)
		default:
			return nil, fail(9, "Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array", op.Key)
		}
		fields, ok := op.Value.(bson.D)
		if !ok {
			return nil, fail(9, "Modifiers operate on fields but we found type %T instead: %s", op.Value, op.Key)
		}
		for _, e := range fields {
			c, err := parseChange(op.Key, e, changes)
			if err != nil {
				return nil, err
			}
			changes = append(changes, c)
		}
	}
	// The server applies changes in the order of their paths, whatever the order in the command.
	slices.SortStableFunc(changes, func(a, b change) int { return slices.Compare(a.parts, b.parts) })
	return func(s scope, inserting bool) (bson.D, error) {
		doc := s.root
		for _, c := range changes {
			if c.op == "$setOnInsert" && !inserting {
				continue
			}
			if strings.HasPrefix(c.parts[0], "$") && !inserting {
				return nil, dollarPrefixed(c.parts[0])
			}
			var err error
			if doc, err = c.apply(doc, c.parts); err != nil {
				return nil, err
			}
		}
		return doc, nil
	}, nil
}

// parseChange refuses a path that is, contains or lies in one of the earlier ones.
func parseChange(op string, e bson.E, earlier []change) (change, error) {
	parts, err := splitPath(e.Key)
	if err != nil {
		return change{}, fail(56, "The update path '%s' contains an empty field name, which is not allowed.", e.Key)
	}
	if slices.ContainsFunc(parts[1:], func(p string) bool { return strings.HasPrefix(p, "$") }) {
		return change{}, unsupported("positional updates: %s", e.Key)
	}
	for _, c := range earlier {
		n := min(len(parts), len(c.parts))
		if slices.Equal(parts[:n], c.parts[:n]) {
			return change{}, fail(40, "Updating the path '%s' would create a conflict at '%s'", e.Key, strings.Join(c.parts[:n], "."))
		}
	}
	return change{op, parts, e.Value}, nil
}

func (c change) apply(doc bson.D, parts []string) (bson.D, error) {
	old := lookup(doc, parts[0])
	if len(parts) == 1 {
		v, err := c.value(old)
		if err != nil {
			return nil, err
		}
		return with(doc, parts[0], v), nil
	}
	switch old := old.(type) {
	case missingType:
		if c.op == "$unset" {
			return doc, nil
		}
		nested, err := c.apply(bson.D{}, parts[1:])
		return with(doc, parts[0], nested), err
	case bson.D:
		nested, err := c.apply(old, parts[1:])
		return with(doc, parts[0], nested), err
	case bson.A:
		return nil, unsupported("updates inside arrays: %s", strings.Join(c.parts, "."))
	}
	if c.op == "$unset" {
		return doc, nil
	}
	return nil, fail(28, "Cannot create field '%s' in element {%s: %v}", parts[1], parts[0], old)
}

func (c change) value(old any) (any, error) {
	switch c.op {
	case "$unset":
		if c.parts[0] == "_id" {
			return nil, fail(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
		}
		return missing, nil
	case "$inc":
		if !isNumber(c.arg) {
			return nil, fail(14, "Cannot increment with non-numeric argument: {%s: %v}", strings.Join(c.parts, "."), c.arg)
		}
		if old == any(missing) {
			return c.arg, nil
		}
		if !isNumber(old) {
			return nil, fail(14, "Cannot apply $inc to a value of non-numeric type: %T", old)
		}
		x, err := totalOf(old)
		if err != nil {
			return nil, err
		}
		y, err := totalOf(c.arg)
		if err != nil {
			return nil, err
		}
		sum := x.plus(y)
		if sum.double && !x.double && !y.double {
			return nil, fail(2, "Failed to apply $inc operations to current value (%v)", old)
		}
		return sum.value(), nil
	case "$max", "$min":
		if old == any(missing) {
			return c.arg, nil
		}
		cmp, err := compare(c.arg, old)
		if err != nil {
			return nil, err
		}
		if cmp > 0 && c.op == "$max" || cmp < 0 && c.op == "$min" {
			return c.arg, nil
		}
		return old, nil
	}
	return c.arg, nil
}
