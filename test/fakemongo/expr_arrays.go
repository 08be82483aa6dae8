package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

func in(args []any) (any, error) {
	a, ok := args[1].(bson.A)
	if !ok {
		return nil, fail(40081, "$in requires an array as a second argument, found: %T", args[1])
	}
	for _, v := range a {
		if c, err := compare(v, args[0]); err != nil || c == 0 {
			return c == 0, err
		}
	}
	return false, nil
}

func concatArrays(args []any) (any, error) {
	out := bson.A{}
	for _, v := range args {
		if isNullish(v) {
			return nil, nil
		}
		a, ok := v.(bson.A)
		if !ok {
			return nil, fail(28664, "$concatArrays only supports arrays, not %T", v)
		}
		out = append(out, a...)
	}
	return out, nil
}

// slice is {$slice: [array, n]} and {$slice: [array, position, n]}.
func slice(args []any) (any, error) {
	if isNullish(args[0]) || isNullish(args[1]) {
		return nil, nil
	}
	a, ok := args[0].(bson.A)
	if !ok {
		return nil, fail(28724, "First argument to $slice must be an array, but is of type: %T", args[0])
	}
	n, err := sliceNumber(args[1], 28725, "Second")
	if err != nil {
		return nil, err
	}
	from, to := 0, len(a)
	switch {
	case len(args) == 3 && isNullish(args[2]):
		return nil, nil
	case len(args) == 3:
		count, err := sliceNumber(args[2], 28727, "Third")
		if err != nil {
			return nil, err
		}
		if count <= 0 {
			return nil, fail(28729, "Third argument to $slice must be positive: %d", count)
		}
		if from = n; n < 0 {
			from = len(a) + n
		}
		from = min(max(from, 0), len(a))
		to = from + min(count, len(a)-from)
	case n >= 0:
		to = min(n, len(a))
	default:
		from = max(len(a)+n, 0)
	}
	return append(bson.A{}, a[from:to]...), nil
}

func sliceNumber(v any, code int32, which string) (int, error) {
	if !isNumber(v) {
		return 0, fail(code, "%s argument to $slice must be numeric, but is of type: %T", which, v)
	}
	n, ok := integral(v)
	if !ok || n != int64(int32(n)) {
		return 0, fail(code+1, "%s argument to $slice can't be represented as a 32-bit integer: %v", which, v)
	}
	return int(n), nil
}

func size(args []any) (any, error) {
	a, ok := args[0].(bson.A)
	if !ok {
		return nil, fail(17124, "The argument to $size must be an array, but was of type: %T", args[0])
	}
	return int32(len(a)), nil
}

func mergeObjects(args []any) (any, error) {
	out := bson.D{}
	for _, v := range args {
		if isNullish(v) {
			continue
		}
		d, ok := v.(bson.D)
		if !ok {
			return nil, fail(40400, "$mergeObjects requires object inputs, but input is of type %T", v)
		}
		for _, e := range d {
			if e.Value == any(missing) {
				continue
			}
			out = with(out, e.Key, e.Value)
		}
	}
	return out, nil
}

func arrayElemAt(args []any) (any, error) {
	if isNullish(args[0]) || isNullish(args[1]) {
		return nil, nil
	}
	a, ok := args[0].(bson.A)
	if !ok {
		return nil, fail(28689, "$arrayElemAt's first argument must be an array, but is %T", args[0])
	}
	if !isNumber(args[1]) {
		return nil, fail(28690, "$arrayElemAt's second argument must be a numeric value, but is %T", args[1])
	}
	i, ok := integral(args[1])
	if !ok || i != int64(int32(i)) {
		return nil, fail(28691, "$arrayElemAt's second argument must be representable as a 32-bit integer: %v", args[1])
	}
	if i < 0 {
		i += int64(len(a))
	}
	if i < 0 || i >= int64(len(a)) {
		return missing, nil
	}
	return a[i], nil
}

func end(name string, pick func(bson.A) any) func([]any) (any, error) {
	return func(args []any) (any, error) {
		if isNullish(args[0]) {
			return nil, nil
		}
		a, ok := args[0].(bson.A)
		switch {
		case !ok:
			return nil, fail(28689, "%s's argument must be an array, but is %T", name, args[0])
		case len(a) == 0:
			return missing, nil
		}
		return pick(a), nil
	}
}
