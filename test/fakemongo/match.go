package fakemongo

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// predicate is a parsed query filter.
type predicate func(*scope) (bool, error)

func parseFilter(filter bson.D) (predicate, error) {
	var all []predicate
	for _, e := range filter {
		var one predicate
		var err error
		switch e.Key {
		case "$and", "$or":
			one, err = parseJunction(e.Key, e.Value)
		case "$expr":
			one, err = parseExprFilter(e.Value)
		default:
			one, err = parseField(e.Key, e.Value)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return conjunction(all), nil
}

func conjunction(all []predicate) predicate {
	return func(s *scope) (bool, error) {
		for _, one := range all {
			if ok, err := one(s); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

func negation(p predicate) predicate {
	return func(s *scope) (bool, error) { ok, err := p(s); return !ok, err }
}

func parseJunction(name string, arg any) (predicate, error) {
	list, ok := arg.(bson.A)
	if !ok || len(list) == 0 {
		return nil, fail(2, "%s must be a nonempty array", name)
	}
	var all, none []predicate
	for _, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(2, "%s entries need to be full objects", name)
		}
		p, err := parseFilter(d)
		if err != nil {
			return nil, err
		}
		all, none = append(all, p), append(none, negation(p))
	}
	if name == "$or" {
		return negation(conjunction(none)), nil
	}
	return conjunction(all), nil
}

func parseExprFilter(arg any) (predicate, error) {
	e, err := parser{}.parse(arg)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (bool, error) { v, err := e(s); return truthy(v), err }, nil
}

// parseField takes a field at the top, and a value or operators.
func parseField(field string, cond any) (predicate, error) {
	_, isRegex := cond.(bson.Regex)
	if isRegex || !isName(field) {
		return nil, unsupported("the filter %s: %v", field, cond)
	}
	if !isOperators(cond) {
		return some(field, equals(cond)), nil
	}
	var all []predicate
	for _, op := range cond.(bson.D) {
		p, err := parseCondition(field, op.Key, op.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return conjunction(all), nil
}

func parseCondition(field, op string, arg any) (predicate, error) {
	switch op {
	case "$eq":
		return some(field, equals(arg)), nil
	case "$ne":
		return negation(some(field, equals(arg))), nil
	case "$gt", "$gte", "$lt", "$lte":
		if arg == nil || isNaN(arg) {
			return nil, unsupported("%s in a filter with %v", op, arg)
		}
		return some(field, ordered(arg, comparisons[op])), nil
	case "$in":
		list, ok := arg.(bson.A)
		if !ok {
			return nil, fail(2, "$in needs an array")
		}
		return some(field, func(v any) (bool, error) {
			for _, item := range list {
				if ok, err := equals(item)(v); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		}), nil
	case "$type":
		name, ok := arg.(string)
		if !ok || name == "number" {
			return nil, unsupported("$type with anything but the name of one type")
		}
		return some(field, func(v any) (bool, error) { k, err := kindOf(v); return k.name == name, err }), nil
	case "$not":
		if !isOperators(arg) {
			return nil, unsupported("$not of %v", arg)
		}
		p, err := parseField(field, arg)
		return negation(p), err
	}
	return nil, unsupported("the operator %s in a filter", op)
}

// equals is equality in a filter, where null matches what is missing too.
func equals(want any) func(any) (bool, error) {
	return func(v any) (bool, error) {
		if want == nil && v == any(missing) {
			return true, nil
		}
		c, err := compare(v, want)
		return c == 0 && v != any(missing), err
	}
}

// ordered is a comparison in a filter: only values of the same kind are compared, and not with NaN.
func ordered(want any, holds func(int) bool) func(any) (bool, error) {
	return func(v any) (bool, error) {
		if order, err := compareKinds(v, want); order != 0 || err != nil || isNaN(v) {
			return false, err
		}
		c, err := compare(v, want)
		return holds(c), err
	}
}

// some is true if the value of the field satisfies the condition, or one element where it is an array.
func some(field string, cond func(any) (bool, error)) predicate {
	return func(s *scope) (bool, error) {
		v := lookup(s.root, field)
		list, _ := v.(bson.A)
		for _, item := range list {
			if ok, err := cond(item); ok || err != nil {
				return ok, err
			}
		}
		return cond(v)
	}
}
