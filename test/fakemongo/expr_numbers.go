package fakemongo

import (
	"math"
	"math/big"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// total is a sum or product on its way: exact while all operands are whole.
type total struct {
	whole  *big.Int
	float  float64
	double bool // some operand was a double, or the whole sum left the range of int64: it stays one
	narrow bool // all operands were int32
}

func totalOf(v any) (total, error) {
	f, err := asFloat(v)
	if err != nil {
		return total{}, err
	}
	n, whole := asInt(v)
	_, narrow := v.(int32)
	return total{whole: big.NewInt(n), float: f, double: !whole, narrow: narrow}, nil
}

func (x total) apply(y total, whole func(z, x, y *big.Int) *big.Int, float func(x, y float64) float64) total {
	z := whole(new(big.Int), x.whole, y.whole)
	return total{
		whole: z, float: float(x.float, y.float),
		double: x.double || y.double || !z.IsInt64(), narrow: x.narrow && y.narrow,
	}
}

func (x total) plus(y total) total {
	return x.apply(y, (*big.Int).Add, func(x, y float64) float64 { return x + y })
}

// value is in the widest type of the operands; int32 grows to int64 and int64 to double rather than overflow.
func (x total) value() any {
	switch {
	case x.double:
		return x.float
	case x.narrow && x.whole.Int64() == int64(int32(x.whole.Int64())):
		return int32(x.whole.Int64())
	}
	return x.whole.Int64()
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

func add(args []any) (any, error) {
	sum := total{whole: new(big.Int), narrow: true}
	date := false
	for _, v := range args {
		switch d, isDate := v.(bson.DateTime); {
		case isNullish(v):
			return nil, nil
		case isDate && date:
			return nil, fail(16612, "only one date allowed in an $add expression")
		case isDate:
			date, v = true, int64(d)
			var err error
			if sum, err = sum.rounded(); err != nil {
				return nil, err
			}
		case !isNumber(v):
			return nil, fail(14, "$add only supports numeric or date types, not %T", v)
		}
		n, err := totalOf(v)
		if err != nil {
			return nil, err
		}
		if date {
			if n, err = n.rounded(); err != nil {
				return nil, err
			}
		}
		sum = sum.plus(n)
	}
	if date {
		return sum.date()
	}
	return sum.value(), nil
}

// rounded is the nearest whole number: dates move by whole milliseconds.
func (x total) rounded() (total, error) {
	if x.double {
		f := math.Round(x.float)
		if !(f >= -1<<63 && f < 1<<63) {
			return total{}, fail(15, "date overflow")
		}
		x.whole, x.float, x.double = big.NewInt(int64(f)), f, false
	}
	return x, nil
}

func (x total) date() (any, error) {
	if x.double {
		return nil, fail(15, "date overflow")
	}
	return bson.DateTime(x.whole.Int64()), nil
}

func subtract(a, b any) (any, error) {
	if isNullish(a) || isNullish(b) {
		return nil, nil
	}
	from, isDate := a.(bson.DateTime)
	if other, ok := b.(bson.DateTime); ok && isDate {
		a, b, isDate = int64(from), int64(other), false
	}
	if !isNumber(b) || !isDate && !isNumber(a) {
		return nil, fail(14, "can't $subtract %T from %T", b, a)
	}
	y, err := totalOf(b)
	if err != nil {
		return nil, err
	}
	minus := func(x, y total) total {
		return x.apply(y, (*big.Int).Sub, func(x, y float64) float64 { return x - y })
	}
	if isDate {
		if y, err = y.rounded(); err != nil {
			return nil, err
		}
		x, _ := totalOf(int64(from))
		return minus(x, y).date()
	}
	x, err := totalOf(a)
	if err != nil {
		return nil, err
	}
	return minus(x, y).value(), nil
}

func multiply(args []any) (any, error) {
	product := total{whole: big.NewInt(1), float: 1, narrow: true}
	for _, v := range args {
		switch {
		case isNullish(v):
			return nil, nil
		case !isNumber(v):
			return nil, fail(14, "$multiply only supports numeric types, not %T", v)
		}
		n, err := totalOf(v)
		if err != nil {
			return nil, err
		}
		product = product.apply(n, (*big.Int).Mul, func(x, y float64) float64 { return x * y })
	}
	return product.value(), nil
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
	case bson.Binary:
		return nil, unsupported("$toLong of binary data") // a conversion since 8.0, an error before
	}
	return nil, fail(241, "Unsupported conversion from %T to long in $convert with no onError value", v)
}
