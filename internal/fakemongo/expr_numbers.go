package fakemongo

import (
	"math"
	"math/big"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// arithmetic computes in the widest type of its operands, as the server does:
// int32 grows to int64 and int64 to double rather than overflow.
func arithmetic(a, b any, whole func(z, x, y *big.Int) *big.Int, float func(x, y float64) float64) (any, error) {
	x, okX := asInt(a)
	y, okY := asInt(b)
	if !okX || !okY {
		fx, err := asFloat(a)
		if err != nil {
			return nil, err
		}
		fy, err := asFloat(b)
		if err != nil {
			return nil, err
		}
		return float(fx, fy), nil
	}
	z := whole(new(big.Int), big.NewInt(x), big.NewInt(y))
	_, narrowA := a.(int32)
	_, narrowB := b.(int32)
	switch {
	case !z.IsInt64():
		return float(float64(x), float64(y)), nil
	case narrowA && narrowB && z.Int64() == int64(int32(z.Int64())):
		return int32(z.Int64()), nil
	}
	return z.Int64(), nil
}

func asInt(v any) (int64, bool) {
	switch n := v.(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

func asFloat(v any) (float64, error) {
	switch n := v.(type) {
	case int32:
		return float64(n), nil
	case int64:
		return float64(n), nil
	case float64:
		return n, nil
	}
	return 0, unsupported("decimal arithmetic")
}

func plus(a, b any) (any, error) {
	return arithmetic(a, b, (*big.Int).Add, func(x, y float64) float64 { return x + y })
}

func add(args []any) (any, error) {
	var sum any = int32(0)
	date, null := false, false
	for _, v := range args {
		switch d, isDate := v.(bson.DateTime); {
		case isNullish(v):
			null = true
			continue
		case isDate && date:
			return nil, fail(16612, "only one date allowed in an $add expression")
		case isDate:
			date, v = true, int64(d)
		case !isNumber(v):
			return nil, fail(14, "$add only supports numeric or date types, not %T", v)
		}
		if null {
			continue
		}
		var err error
		if sum, err = plus(sum, v); err != nil {
			return nil, err
		}
	}
	switch {
	case null:
		return nil, nil
	case date:
		return toDate(sum, "$add")
	}
	return sum, nil
}

// toDate rounds a double to the nearest millisecond.
func toDate(ms any, name string) (any, error) {
	if f, ok := ms.(float64); ok {
		f = math.Round(f)
		if !(f >= -1<<63 && f < 1<<63) {
			return nil, fail(15, "date overflow in %s", name)
		}
		return bson.DateTime(int64(f)), nil
	}
	n, _ := asInt(ms)
	return bson.DateTime(n), nil
}

func subtract(a, b any) (any, error) {
	da, isDateA := a.(bson.DateTime)
	db, isDateB := b.(bson.DateTime)
	minus := func(a, b any) (any, error) {
		return arithmetic(a, b, (*big.Int).Sub, func(x, y float64) float64 { return x - y })
	}
	switch {
	case isNullish(a) || isNullish(b):
		return nil, nil
	case isDateA && isDateB:
		return minus(int64(da), int64(db))
	case isDateA && isNumber(b):
		v, err := minus(int64(da), b)
		if err != nil {
			return nil, err
		}
		return toDate(v, "$subtract")
	case isNumber(a) && isNumber(b):
		return minus(a, b)
	}
	return nil, fail(14, "can't $subtract %T from %T", b, a)
}

func multiply(args []any) (any, error) {
	var product any = int32(1)
	null := false
	for _, v := range args {
		switch {
		case isNullish(v):
			null = true
			continue
		case !isNumber(v):
			return nil, fail(14, "$multiply only supports numeric types, not %T", v)
		}
		var err error
		product, err = arithmetic(product, v, (*big.Int).Mul, func(x, y float64) float64 { return x * y })
		if err != nil {
			return nil, err
		}
	}
	if null {
		return nil, nil
	}
	return product, nil
}

func toLong(v any) (any, error) {
	switch v := v.(type) {
	case nil, missingType, bson.Undefined:
		return nil, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case float64:
		if !(v >= -1<<63 && v < 1<<63) {
			return nil, fail(241, "Conversion would overflow target type in $convert with no onError value: %v", v)
		}
		return int64(v), nil
	case bson.DateTime:
		return int64(v), nil
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fail(241, "Failed to parse number '%s' in $convert with no onError value", v)
		}
		return n, nil
	case bson.Decimal128:
		return nil, unsupported("decimal arithmetic")
	}
	return nil, fail(241, "Unsupported conversion from %T to long in $convert with no onError value", v)
}
