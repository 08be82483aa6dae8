package fakemongo

import (
	"math"
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// predicate is a parsed query filter.
type predicate func(*scope) (bool, error)

func parseFilter(filter bson.D) (predicate, error) {
	var all []predicate
	for _, e := range filter {
		var one predicate
		var err error
		switch {
		case e.Key == "$and" || e.Key == "$or" || e.Key == "$nor":
			one, err = parseJunction(e.Key, e.Value)
		case e.Key == "$expr":
			one, err = parseExprFilter(e.Value)
		case e.Key == "$comment":
			continue
		case strings.HasPrefix(e.Key, "$"):
			return nil, fail(2, "unknown top level operator: %s", e.Key)
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
	var parts []predicate
	for _, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(2, "%s entries need to be full objects", name)
		}
		p, err := parseFilter(d)
		if err != nil {
			return nil, err
		}
		if name != "$and" {
			p = negation(p)
		}
		parts = append(parts, p)
	}
	if name == "$or" {
		return negation(conjunction(parts)), nil
	}
	return conjunction(parts), nil
}

func parseExprFilter(arg any) (predicate, error) {
	e, err := parser{}.parse(arg)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (bool, error) { v, err := e(s); return truthy(v), err }, nil
}

func parseField(path string, cond any) (predicate, error) {
	parts, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		if strings.Trim(p, "0123456789") == "" {
			return nil, unsupported("array positions in filters: %s", path)
		}
	}
	ops, ok := cond.(bson.D)
	if !ok || len(ops) == 0 || !strings.HasPrefix(ops[0].Key, "$") {
		if r, ok := cond.(bson.Regex); ok {
			return parseRegex(parts, r.Pattern, r.Options)
		}
		return some(parts, equals(cond)), nil
	}
	var all []predicate
	for _, op := range ops {
		if op.Key == "$options" {
			continue
		}
		p, err := parseCondition(parts, op.Key, op.Value, ops)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return conjunction(all), nil
}

func parseCondition(parts []string, op string, arg any, ops bson.D) (predicate, error) {
	switch op {
	case "$eq":
		return some(parts, equals(arg)), nil
	case "$ne":
		return negation(some(parts, equals(arg))), nil
	case "$gt":
		return some(parts, ordered(arg, func(c int) bool { return c > 0 })), nil
	case "$gte":
		return some(parts, ordered(arg, func(c int) bool { return c >= 0 })), nil
	case "$lt":
		return some(parts, ordered(arg, func(c int) bool { return c < 0 })), nil
	case "$lte":
		return some(parts, ordered(arg, func(c int) bool { return c <= 0 })), nil
	case "$in", "$nin":
		list, ok := arg.(bson.A)
		if !ok {
			return nil, fail(2, "%s needs an array", op)
		}
		p := some(parts, func(v any) (bool, error) {
			for _, item := range list {
				if ok, err := equals(item)(v); ok || err != nil {
					return ok, err
				}
			}
			return false, nil
		})
		if op == "$nin" {
			p = negation(p)
		}
		return p, nil
	case "$exists":
		p := some(parts, func(v any) (bool, error) { return v != any(missing), nil })
		if !truthy(arg) {
			p = negation(p)
		}
		return p, nil
	case "$type":
		name, ok := arg.(string)
		if !ok {
			return nil, unsupported("$type with anything but one name")
		}
		return some(parts, func(v any) (bool, error) {
			if name == "number" {
				return isNumber(v), nil
			}
			t, err := typeName(v)
			return t == name, err
		}), nil
	case "$regex":
		options, _ := lookup(ops, "$options").(string)
		switch r := arg.(type) {
		case string:
			return parseRegex(parts, r, options)
		case bson.Regex:
			return parseRegex(parts, r.Pattern, r.Options+options)
		}
		return nil, fail(2, "$regex has to be a string")
	case "$not":
		d, ok := arg.(bson.D)
		if !ok {
			return nil, fail(2, "$not needs a regex or a document")
		}
		p, err := parseField(strings.Join(parts, "."), d)
		return negation(p), err
	}
	return nil, fail(2, "unknown operator: %s", op)
}

func parseRegex(parts []string, pattern, options string) (predicate, error) {
	if strings.Trim(options, "ims") != "" {
		return nil, unsupported("the regex options %q", options)
	}
	if options != "" {
		pattern = "(?" + options + ")" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fail(51091, "Regular expression is invalid: %v", err)
	}
	return some(parts, func(v any) (bool, error) {
		s, ok := v.(string)
		return ok && re.MatchString(s), nil
	}), nil
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

// ordered is a comparison in a filter: only values of the same kind are compared.
func ordered(want any, holds func(int) bool) func(any) (bool, error) {
	return func(v any) (bool, error) {
		if want == nil {
			return isNullish(v) && holds(0), nil
		}
		if isNaN(want) || isNaN(v) {
			return isNaN(want) && isNaN(v) && holds(0), nil
		}
		tv, err := typeOrder(v)
		if err != nil {
			return false, err
		}
		tw, err := typeOrder(want)
		if err != nil || tv != tw {
			return false, err
		}
		c, err := compare(v, want)
		return holds(c), err
	}
}

func isNaN(v any) bool { f, ok := v.(float64); return ok && math.IsNaN(f) }

// some is true if a value at the path satisfies the condition: the value
// itself, or one element where it is an array, through arrays on the way.
func some(parts []string, cond func(any) (bool, error)) predicate {
	return func(s *scope) (bool, error) { return someIn(s.root, parts, cond) }
}

func someIn(doc bson.D, parts []string, cond func(any) (bool, error)) (bool, error) {
	v := lookup(doc, parts[0])
	list, _ := v.(bson.A)
	if len(parts) == 1 {
		for _, item := range list {
			if ok, err := cond(item); ok || err != nil {
				return ok, err
			}
		}
		return cond(v)
	}
	if d, ok := v.(bson.D); ok {
		return someIn(d, parts[1:], cond)
	}
	if len(list) == 0 { // an empty array too
		return cond(missing)
	}
	for _, item := range list {
		ok, err := false, error(nil)
		switch item := item.(type) {
		case bson.D:
			ok, err = someIn(item, parts[1:], cond)
		case bson.A: // arrays in arrays are not looked into
		default:
			ok, err = cond(missing)
		}
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
