package fakemongo

import (
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The operators that do not evaluate all of their arguments.

func logic(args []expr, or bool) expr {
	return func(s *scope) (any, error) {
		for _, a := range args {
			v, err := a(s)
			if err != nil {
				return nil, err
			}
			if truthy(v) == or {
				return or, nil
			}
		}
		return !or, nil
	}
}

// choose takes conditions, each before its value, and at the end the value if none is true.
func choose(args []expr) expr {
	return func(s *scope) (any, error) {
		last := len(args) - 1
		for i := 0; i < last; i += 2 {
			v, err := args[i](s)
			if err != nil {
				return nil, err
			}
			if truthy(v) {
				return args[i+1](s)
			}
		}
		return args[last](s)
	}
}

func ifNull(args []expr) expr {
	return func(s *scope) (v any, err error) {
		for _, a := range args {
			if v, err = a(s); err != nil || !isNullish(v) {
				return v, err
			}
		}
		return v, nil
	}
}

func (p parser) parseSwitch(arg any) (expr, error) {
	d, _ := arg.(bson.D)
	branches, _ := lookup(d, "branches").(bson.A)
	if len(d) != 2 || len(branches) == 0 {
		return nil, unsupported("$switch without branches and a default: %v", arg)
	}
	var list bson.A
	for _, item := range branches {
		b, ok := item.(bson.D)
		if !ok || len(b) != 2 {
			return nil, unsupported("the branch %v of a $switch", item)
		}
		list = append(list, lookup(b, "case"), lookup(b, "then"))
	}
	args, err := p.parseAll(append(list, lookup(d, "default")))
	if err != nil {
		return nil, err
	}
	return choose(args), nil
}

func (p parser) parseLet(arg any) (expr, error) {
	d, _ := arg.(bson.D)
	vars, ok := lookup(d, "vars").(bson.D)
	if !ok || len(d) != 2 {
		return nil, unsupported("$let of %v", arg)
	}
	inner := parser{vars: slices.Clone(p.vars)}
	values := make([]expr, len(vars))
	for i, e := range vars {
		if e.Key == "" || e.Key[0] < 'a' || e.Key[0] > 'z' {
			return nil, unsupported("%s as a variable", e.Key)
		}
		v, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		values[i], inner.vars = v, append(inner.vars, e.Key)
	}
	in, err := inner.parse(lookup(d, "in"))
	if err != nil {
		return nil, err
	}
	return func(s *scope) (any, error) {
		nested := &scope{root: s.root, now: s.now, vars: make(map[string]any, len(s.vars)+len(vars))}
		maps.Copy(nested.vars, s.vars)
		for i, e := range vars {
			v, err := values[i](s)
			if err != nil {
				return nil, err
			}
			nested.vars[e.Key] = v
		}
		return in(nested)
	}, nil
}
