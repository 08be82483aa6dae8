package fakemongo

import (
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// scope is what an expression is evaluated in.
type scope struct {
	root bson.D
	now  time.Time
	vars map[string]any // of $let
	// rebuilt is true once a stage has made a new document of the stored one: from then on $unset leaves gaps.
	rebuilt bool
}

// expr is a parsed aggregation expression. Parsing is a step of its own because
// the server refuses an unknown operator in a branch that is never taken, too.
type expr func(*scope) (any, error)

func constant(v any) expr { return func(*scope) (any, error) { return v, nil } }

// parser carries the names that $let has defined so far.
type parser struct{ vars []string }

func (p parser) parse(v any) (expr, error) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "$") {
			return p.parsePath(v)
		}
	case bson.A:
		return p.parseArray(v)
	case bson.D:
		return p.parseObject(v)
	case missingType:
		return nil, unsupported("an operator without one of its arguments")
	}
	return constant(v), nil
}

func (p parser) parseArray(a bson.A) (expr, error) {
	items, err := p.parseAll(a)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (any, error) {
		out := make(bson.A, len(items))
		for i, item := range items {
			v, err := item(s)
			if err != nil {
				return nil, err
			}
			if v == any(missing) {
				v = nil
			}
			out[i] = v
		}
		return out, nil
	}, nil
}

func (p parser) parseAll(a bson.A) ([]expr, error) {
	items := make([]expr, len(a))
	for i, v := range a {
		e, err := p.parse(v)
		if err != nil {
			return nil, err
		}
		items[i] = e
	}
	return items, nil
}

func (p parser) parseObject(d bson.D) (expr, error) {
	if len(d) == 1 && strings.HasPrefix(d[0].Key, "$") {
		return p.parseOperator(d[0].Key, d[0].Value)
	}
	fields := make([]expr, len(d))
	for i, e := range d {
		if !isName(e.Key) {
			return nil, unsupported("%s as the name of a field", e.Key)
		}
		f, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		fields[i] = f
	}
	return func(s *scope) (any, error) {
		out := make(bson.D, 0, len(fields))
		for i, f := range fields {
			v, err := f(s)
			if err != nil {
				return nil, err
			}
			out = append(out, bson.E{Key: d[i].Key, Value: v})
		}
		return out, nil
	}, nil
}

// parsePath parses "$a.b", "$$NOW" and "$$ROOT.a".
func (p parser) parsePath(path string) (expr, error) {
	name, rest, below := "ROOT", path[1:], true
	if after, ok := strings.CutPrefix(rest, "$"); ok {
		name, rest, below = strings.Cut(after, ".")
	}
	variable, err := p.variable(name)
	if err != nil {
		return nil, err
	}
	var parts []string
	if below {
		if parts, err = splitPath(rest); err != nil {
			return nil, err
		}
	}
	return func(s *scope) (any, error) {
		v := variable(s)
		if len(parts) == 0 {
			return v, nil
		}
		switch v := v.(type) {
		case bson.D:
			return walk(v, parts), nil
		case bson.A:
			return walkArray(v, parts), nil
		}
		return missing, nil
	}, nil
}

func (p parser) variable(name string) (func(*scope) any, error) {
	switch name {
	case "ROOT":
		return func(s *scope) any { return s.root }, nil
	case "REMOVE":
		return func(*scope) any { return missing }, nil
	case "NOW":
		return func(s *scope) any { return bson.NewDateTimeFromTime(s.now) }, nil
	}
	if !slices.Contains(p.vars, name) {
		return nil, unsupported("the variable %s", name)
	}
	return func(s *scope) any { return s.vars[name] }, nil
}

// walk follows a field path; an array on the way gives the array of what its objects have there.
func walk(doc bson.D, parts []string) any {
	v := lookup(doc, parts[0])
	if len(parts) == 1 {
		return v
	}
	switch v := v.(type) {
	case bson.D:
		return walk(v, parts[1:])
	case bson.A:
		return walkArray(v, parts[1:])
	}
	return missing
}

func walkArray(a bson.A, parts []string) any {
	out := bson.A{}
	for _, item := range a {
		if d, ok := item.(bson.D); ok {
			if v := walk(d, parts); v != any(missing) {
				out = append(out, v)
			}
		}
	}
	return out
}
