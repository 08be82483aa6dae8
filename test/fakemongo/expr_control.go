package fakemongo

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The operators that do not evaluate all of their arguments.

func (p parser) parseLogic(arg any, or bool) (expr, error) {
	list, ok := arg.(bson.A)
	if !ok {
		list = bson.A{arg}
	}
	args, err := p.parseAll(list)
	if err != nil {
		return nil, err
	}
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
	}, nil
}

func (p parser) parseCond(arg any) (expr, error) {
	var list bson.A
	switch arg := arg.(type) {
	case bson.A:
		if list = arg; len(list) != 3 {
			return nil, fail(16020, "Expression $cond takes exactly 3 arguments. %d were passed in.", len(list))
		}
	case bson.D:
		for _, e := range arg {
			if e.Key != "if" && e.Key != "then" && e.Key != "else" {
				return nil, fail(17083, "Unrecognized parameter to $cond: %s", e.Key)
			}
		}
		for i, key := range []string{"if", "then", "else"} {
			v := lookup(arg, key)
			if v == any(missing) {
				return nil, fail(int32(17080+i), "Missing '%s' parameter to $cond", key)
			}
			list = append(list, v)
		}
	default:
		return nil, fail(16020, "Expression $cond takes exactly 3 arguments. 1 were passed in.")
	}
	args, err := p.parseAll(list)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (any, error) {
		v, err := args[0](s)
		if err != nil {
			return nil, err
		}
		if truthy(v) {
			return args[1](s)
		}
		return args[2](s)
	}, nil
}

func (p parser) parseSwitch(arg any) (expr, error) {
	d, ok := arg.(bson.D)
	if !ok {
		return nil, fail(40060, "$switch requires an object as an argument, found: %T", arg)
	}
	var branches []branch
	var otherwise expr
	for _, e := range d {
		var err error
		switch e.Key {
		case "default":
			otherwise, err = p.parse(e.Value)
		case "branches":
			branches, err = p.parseBranches(e.Value)
		default:
			err = fail(40067, "$switch found an unknown argument: %s", e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(branches) == 0 {
		return nil, fail(40068, "$switch requires at least one branch.")
	}
	return func(s *scope) (any, error) {
		for _, b := range branches {
			v, err := b.when(s)
			if err != nil {
				return nil, err
			}
			if truthy(v) {
				return b.then(s)
			}
		}
		if otherwise == nil {
			return nil, fail(40066, "$switch could not find a matching branch for an input, and no default was specified.")
		}
		return otherwise(s)
	}, nil
}

type branch struct{ when, then expr }

func (p parser) parseBranches(arg any) ([]branch, error) {
	list, ok := arg.(bson.A)
	if !ok {
		return nil, fail(40061, "$switch expected an array for 'branches', found: %T", arg)
	}
	out := make([]branch, len(list))
	for i, item := range list {
		b, ok := item.(bson.D)
		if !ok {
			return nil, fail(40062, "$switch expected each branch to be an object, found: %T", item)
		}
		when, then := lookup(b, "case"), lookup(b, "then")
		switch {
		case when == any(missing):
			return nil, fail(40064, "$switch requires each branch have a 'case' expression")
		case then == any(missing):
			return nil, fail(40065, "$switch requires each branch have a 'then' expression.")
		case len(b) != 2:
			return nil, fail(40063, "$switch found an unknown argument to a branch: %v", b)
		}
		both, err := p.parseAll(bson.A{when, then})
		if err != nil {
			return nil, err
		}
		out[i] = branch{both[0], both[1]}
	}
	return out, nil
}

func (p parser) parseIfNull(arg any) (expr, error) {
	list, _ := arg.(bson.A)
	if len(list) < 2 {
		return nil, fail(1257300, "$ifNull needs at least two arguments, had: %d", max(len(list), 1))
	}
	args, err := p.parseAll(list)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (v any, err error) {
		for _, a := range args {
			if v, err = a(s); err != nil || !isNullish(v) {
				return v, err
			}
		}
		return v, nil
	}, nil
}

func (p parser) parseLet(arg any) (expr, error) {
	d, ok := arg.(bson.D)
	if !ok {
		return nil, fail(16874, "$let only supports an object as its argument")
	}
	for _, e := range d {
		if e.Key != "vars" && e.Key != "in" {
			return nil, fail(16875, "Unrecognized parameter to $let: %s", e.Key)
		}
	}
	vars, ok := lookup(d, "vars").(bson.D)
	if !ok {
		return nil, fail(16876, "Missing 'vars' parameter to $let")
	}
	body := lookup(d, "in")
	if body == any(missing) {
		return nil, fail(16877, "Missing 'in' parameter to $let")
	}
	inner := parser{vars: slices.Clone(p.vars)}
	values := make([]expr, len(vars))
	for i, e := range vars {
		if e.Key == "" || e.Key[0] < 'a' || e.Key[0] > 'z' {
			return nil, fail(9, "'%s' starts with an invalid character for a user variable name", e.Key)
		}
		v, err := p.parse(e.Value)
		if err != nil {
			return nil, err
		}
		values[i], inner.vars = v, append(inner.vars, e.Key)
	}
	in, err := inner.parse(body)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (any, error) {
		nested := &scope{root: s.root, now: s.now, vars: make(map[string]any, len(s.vars)+len(vars))}
		for name, v := range s.vars {
			nested.vars[name] = v
		}
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
