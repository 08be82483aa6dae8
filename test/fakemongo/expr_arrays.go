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

// lastOf is {$slice: [array, -n]}, the only form that is implemented.
func lastOf(args []any) (any, error) {
	if isNullish(args[0]) {
		return nil, nil
	}
	a, ok := args[0].(bson.A)
	if !ok {
		return nil, fail(28724, "First argument to $slice must be an array, but is of type: %T", args[0])
	}
	n, ok := args[1].(int32)
	if !ok || n >= 0 {
		return nil, unsupported("$slice by %v", args[1])
	}
	return append(bson.A{}, a[max(len(a)+int(n), 0):]...), nil
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
		for _, e := range live(d) {
			out = with(out, e.Key, e.Value)
		}
	}
	return out, nil
}
