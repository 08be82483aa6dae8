package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

// strict is an operator that gets its evaluated arguments. max < 0: any number.
type strict struct {
	min, max int
	apply    func(args []any) (any, error)
}

var strictOperators = map[string]strict{
	"$not":          {1, 1, func(a []any) (any, error) { return !truthy(a[0]), nil }},
	"$eq":           {2, 2, comparison(func(c int) bool { return c == 0 })},
	"$ne":           {2, 2, comparison(func(c int) bool { return c != 0 })},
	"$gt":           {2, 2, comparison(func(c int) bool { return c > 0 })},
	"$gte":          {2, 2, comparison(func(c int) bool { return c >= 0 })},
	"$lt":           {2, 2, comparison(func(c int) bool { return c < 0 })},
	"$lte":          {2, 2, comparison(func(c int) bool { return c <= 0 })},
	"$type":         {1, 1, func(a []any) (any, error) { return typeName(a[0]) }},
	"$isNumber":     {1, 1, func(a []any) (any, error) { return isNumber(a[0]), nil }},
	"$isArray":      {1, 1, func(a []any) (any, error) { _, ok := a[0].(bson.A); return ok, nil }},
	"$toLong":       {1, 1, func(a []any) (any, error) { return toLong(a[0]) }},
	"$add":          {0, -1, add},
	"$subtract":     {2, 2, func(a []any) (any, error) { return subtract(a[0], a[1]) }},
	"$multiply":     {0, -1, multiply},
	"$max":          {0, -1, extreme(1)},
	"$min":          {0, -1, extreme(-1)},
	"$in":           {2, 2, in},
	"$concatArrays": {0, -1, concatArrays},
	"$slice":        {2, 3, slice},
	"$size":         {1, 1, size},
	"$mergeObjects": {0, -1, mergeObjects},
	"$arrayElemAt":  {2, 2, arrayElemAt},
	"$first":        {1, 1, end("$first", func(a bson.A) any { return a[0] })},
	"$last":         {1, 1, end("$last", func(a bson.A) any { return a[len(a)-1] })},
}

func (p parser) parseOperator(name string, arg any) (expr, error) {
	switch name {
	case "$literal", "$const":
		return constant(arg), nil
	case "$and", "$or":
		return p.parseLogic(arg, name == "$or")
	case "$cond":
		return p.parseCond(arg)
	case "$switch":
		return p.parseSwitch(arg)
	case "$ifNull":
		return p.parseIfNull(arg)
	case "$let":
		return p.parseLet(arg)
	}
	op, ok := strictOperators[name]
	if !ok {
		return nil, fail(168, "Unrecognized expression '%s'", name)
	}
	list, ok := arg.(bson.A)
	if !ok {
		list = bson.A{arg}
	}
	if len(list) < op.min || op.max >= 0 && len(list) > op.max {
		return nil, arity(name, op, len(list))
	}
	args, err := p.parseAll(list)
	if err != nil {
		return nil, err
	}
	// What is an accumulator too looks into an array that is its only argument.
	into := (name == "$max" || name == "$min" || name == "$mergeObjects") && len(args) == 1
	stops := name == "$add" || name == "$multiply" || name == "$concatArrays" // what comes after a null is not evaluated
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
		if into {
			if a, ok := values[0].(bson.A); ok {
				values = a
			}
		}
		return op.apply(values)
	}, nil
}

func arity(name string, op strict, got int) error {
	switch {
	case name == "$toLong":
		return fail(50723, "%s requires a single argument, got %d", name, got)
	case op.min != op.max:
		return fail(28667, "Expression %s takes at least %d arguments, and at most %d, but %d were passed in.", name, op.min, op.max, got)
	}
	return fail(16020, "Expression %s takes exactly %d arguments. %d were passed in.", name, op.min, got)
}

func comparison(holds func(int) bool) func([]any) (any, error) {
	return func(a []any) (any, error) {
		c, err := compare(a[0], a[1])
		return holds(c), err
	}
}

// extreme keeps the first of equal values and passes over null and missing.
func extreme(sense int) func([]any) (any, error) {
	return func(args []any) (any, error) {
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
			if c*sense > 0 {
				best = v
			}
		}
		return best, nil
	}
}
