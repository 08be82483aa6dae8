package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

// strict is an operator that gets its evaluated arguments. max < 0: any number.
type strict struct {
	min, max int
	apply    func(args []any) (any, error)
}

var strictOperators = map[string]strict{
	"$type":         {1, 1, func(a []any) (any, error) { k, err := kindOf(a[0]); return k.name, err }},
	"$isArray":      {1, 1, func(a []any) (any, error) { _, ok := a[0].(bson.A); return ok, nil }},
	"$toLong":       {1, 1, func(a []any) (any, error) { return toLong(a[0]) }},
	"$in":           {2, 2, in},
	"$slice":        {2, 2, lastOf},
	"$add":          {2, -1, add},
	"$max":          {2, -1, largest},
	"$concatArrays": {2, -1, concatArrays},
	"$mergeObjects": {2, -1, mergeObjects},
}

// comparisons are those of expressions and of filters; each holds or not of the sign of compare.
var comparisons = map[string]func(sign int) bool{
	"$eq":  func(sign int) bool { return sign == 0 },
	"$ne":  func(sign int) bool { return sign != 0 },
	"$gt":  func(sign int) bool { return sign > 0 },
	"$gte": func(sign int) bool { return sign >= 0 },
	"$lt":  func(sign int) bool { return sign < 0 },
	"$lte": func(sign int) bool { return sign <= 0 },
}

func (p parser) parseOperator(name string, arg any) (expr, error) {
	switch name {
	case "$literal":
		return constant(arg), nil
	case "$let":
		return p.parseLet(arg)
	case "$switch":
		return p.parseSwitch(arg)
	}
	list, ok := arg.(bson.A)
	if !ok {
		list = bson.A{arg}
	}
	args, err := p.parseAll(list)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "$and" || name == "$or":
		return logic(args, name == "$or"), nil
	case name == "$cond" && len(args) == 3:
		return choose(args), nil
	case name == "$ifNull" && len(args) >= 2:
		return ifNull(args), nil
	}
	op, ok := strictOperators[name]
	if holds, isComparison := comparisons[name]; isComparison {
		op, ok = strict{2, 2, func(a []any) (any, error) { c, err := compare(a[0], a[1]); return holds(c), err }}, true
	}
	if !ok || len(args) < op.min || op.max >= 0 && len(args) > op.max {
		return nil, unsupported("the expression %s with %d arguments", name, len(args))
	}
	stops := name == "$add" || name == "$concatArrays" // what comes after a null is not evaluated
	return func(s *scope) (any, error) {
		values := make([]any, len(args))
		for i, a := range args {
			v, err := a(s)
			if err != nil {
				return nil, err
			}
			if values[i] = v; stops && isNullish(v) {
				values = values[:i+1]
				break
			}
		}
		return op.apply(values)
	}, nil
}

// largest keeps the first of equal values and passes over null and missing.
func largest(args []any) (any, error) {
	var best any
	for _, v := range args {
		if isNullish(v) {
			continue
		}
		if best == nil {
			best = v
			continue
		}
		c, err := compare(v, best)
		if err != nil {
			return nil, err
		}
		if c > 0 {
			best = v
		}
	}
	return best, nil
}
