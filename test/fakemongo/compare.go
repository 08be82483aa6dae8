package fakemongo

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// typeOrder is canonicalizeBSONType of MongoDB's src/mongo/bson/bsontypes.h:
// missing < null < numbers < strings < objects < arrays < … < bool < date.
func typeOrder(v any) (int, error) {
	switch v.(type) {
	case bson.MinKey:
		return -1, nil
	case missingType, bson.Undefined:
		return 0, nil
	case nil:
		return 5, nil
	case int32, int64, float64, bson.Decimal128:
		return 10, nil
	case string, bson.Symbol:
		return 15, nil
	case bson.D:
		return 20, nil
	case bson.A:
		return 25, nil
	case bson.Binary:
		return 30, nil
	case bson.ObjectID:
		return 35, nil
	case bool:
		return 40, nil
	case bson.DateTime:
		return 45, nil
	case bson.Timestamp:
		return 47, nil
	case bson.Regex:
		return 50, nil
	case bson.MaxKey:
		return 127, nil
	}
	return 0, unsupported("comparing values of Go type %T", v)
}

// compare orders two values as the server does.
func compare(a, b any) (int, error) {
	ta, err := typeOrder(a)
	if err != nil {
		return 0, err
	}
	tb, err := typeOrder(b)
	if err != nil {
		return 0, err
	}
	if ta != tb {
		return cmp.Compare(ta, tb), nil
	}
	switch ta {
	case 10:
		return compareNumbers(a, b)
	case 15:
		return strings.Compare(text(a), text(b)), nil
	case 20:
		return compareDocuments(a.(bson.D), b.(bson.D))
	case 25:
		return compareArrays(a.(bson.A), b.(bson.A))
	case 30:
		x, y := a.(bson.Binary), b.(bson.Binary)
		return cmp.Or(cmp.Compare(len(x.Data), len(y.Data)), cmp.Compare(x.Subtype, y.Subtype), bytes.Compare(x.Data, y.Data)), nil
	case 35:
		x, y := a.(bson.ObjectID), b.(bson.ObjectID)
		return bytes.Compare(x[:], y[:]), nil
	case 40:
		x, y := a.(bool), b.(bool)
		switch {
		case x == y:
			return 0, nil
		case y:
			return -1, nil
		}
		return 1, nil
	case 45:
		return cmp.Compare(a.(bson.DateTime), b.(bson.DateTime)), nil
	case 47:
		x, y := a.(bson.Timestamp), b.(bson.Timestamp)
		return cmp.Or(cmp.Compare(x.T, y.T), cmp.Compare(x.I, y.I)), nil
	case 50:
		x, y := a.(bson.Regex), b.(bson.Regex)
		return cmp.Or(strings.Compare(x.Pattern, y.Pattern), strings.Compare(x.Options, y.Options)), nil
	}
	return 0, nil
}

func text(v any) string {
	if s, ok := v.(bson.Symbol); ok {
		return string(s)
	}
	return v.(string)
}

// compareDocuments goes field by field: type first, then name, then value.
func compareDocuments(a, b bson.D) (int, error) {
	a, b = live(a), live(b)
	for i := 0; i < len(a) && i < len(b); i++ {
		ta, err := typeOrder(a[i].Value)
		if err != nil {
			return 0, err
		}
		tb, err := typeOrder(b[i].Value)
		if err != nil {
			return 0, err
		}
		if c := cmp.Or(cmp.Compare(ta, tb), strings.Compare(a[i].Key, b[i].Key)); c != 0 {
			return c, nil
		}
		if c, err := compare(a[i].Value, b[i].Value); c != 0 || err != nil {
			return c, err
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

func compareArrays(a, b bson.A) (int, error) {
	for i := 0; i < len(a) && i < len(b); i++ {
		if c, err := compare(a[i], b[i]); c != 0 || err != nil {
			return c, err
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

// compareNumbers compares by value across types; NaN is below every number and equal to itself.
func compareNumbers(a, b any) (int, error) {
	if x, ok := integral(a); ok {
		if y, ok := integral(b); ok {
			return cmp.Compare(x, y), nil
		}
	}
	fa, isFa := a.(float64)
	fb, isFb := b.(float64)
	switch {
	case isFa && isFb:
		return cmp.Compare(fa, fb), nil
	case isFa && (math.IsNaN(fa) || math.IsInf(fa, -1)):
		return -1, nil
	case isFa && math.IsInf(fa, 1):
		return 1, nil
	case isFb && (math.IsNaN(fb) || math.IsInf(fb, -1)):
		return 1, nil
	case isFb && math.IsInf(fb, 1):
		return -1, nil
	}
	x, err := rational(a)
	if err != nil {
		return 0, err
	}
	y, err := rational(b)
	if err != nil {
		return 0, err
	}
	return x.Cmp(y), nil
}

func rational(v any) (*big.Rat, error) {
	switch n := v.(type) {
	case int32:
		return new(big.Rat).SetInt64(int64(n)), nil
	case int64:
		return new(big.Rat).SetInt64(n), nil
	case float64:
		return new(big.Rat).SetFloat64(n), nil
	}
	return nil, unsupported("decimal arithmetic")
}
