package fakemongo

import (
	"math/big"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// add sums whole numbers, and a date among them. The sum is in the widest type of
// the operands; int32 grows to int64 and int64 to double rather than overflow.
func add(args []any) (any, error) {
	sum, double := new(big.Int), 0.0
	date, wide, over := false, false, false
	for _, v := range args {
		var n int64
		switch v := v.(type) {
		case nil, missingType:
			return nil, nil
		case int32:
			n = int64(v)
		case int64:
			n, wide = v, true
		case bson.DateTime:
			if date {
				return nil, fail(16612, "only one date allowed in an $add expression")
			}
			n, date = int64(v), true
		case float64, bson.Decimal128:
			return nil, unsupported("$add of what may be a fraction")
		default:
			return nil, fail(14, "$add only supports numeric or date types, not %T", v)
		}
		sum.Add(sum, big.NewInt(n))
		double += float64(n)
		over = over || !sum.IsInt64()
	}
	total := sum.Int64()
	switch {
	case over && date:
		return nil, fail(15, "date overflow")
	case over:
		return double, nil
	case date:
		return bson.DateTime(total), nil
	case !wide && total == int64(int32(total)):
		return int32(total), nil
	}
	return total, nil
}

func toLong(v any) (any, error) {
	switch v := v.(type) {
	case nil, missingType:
		return nil, nil
	case bson.DateTime:
		return int64(v), nil
	}
	return nil, unsupported("$toLong of %T", v)
}
