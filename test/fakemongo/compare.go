package fakemongo

import (
	"cmp"
	"math"
	"math/big"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// compare orders two values as the server does.
func compare(a, b any) (int, error) {
	order, err := compareKinds(a, b)
	if order != 0 || err != nil {
		return order, err
	}
	switch x := a.(type) {
	case nil, missingType, bson.MinKey, bson.MaxKey:
		return 0, nil
	case int32, int64, float64, bson.Decimal128:
		return compareNumbers(a, b)
	case string:
		return strings.Compare(x, b.(string)), nil
	case bson.D:
		return compareDocuments(x, b.(bson.D))
	case bson.A:
		return compareArrays(x, b.(bson.A))
	case bool:
		switch y := b.(bool); {
		case x == y:
			return 0, nil
		case y:
			return -1, nil
		}
		return 1, nil
	case bson.DateTime:
		return cmp.Compare(x, b.(bson.DateTime)), nil
	}
	return 0, unsupported("comparing two values of Go type %T", a)
}

// compareKinds is 0 for values that compare as values.
func compareKinds(a, b any) (int, error) {
	x, err := kindOf(a)
	if err != nil {
		return 0, err
	}
	y, err := kindOf(b)
	return cmp.Compare(x.order, y.order), err
}

// compareDocuments goes field by field: type first, then name, then value.
func compareDocuments(a, b bson.D) (int, error) {
	a, b = live(a), live(b)
	for i := 0; i < len(a) && i < len(b); i++ {
		order, err := compareKinds(a[i].Value, b[i].Value)
		if c := cmp.Or(order, strings.Compare(a[i].Key, b[i].Key)); c != 0 || err != nil {
			return c, err
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
	switch {
	case isNaN(a) && isNaN(b):
		return 0, nil
	case isNaN(a):
		return -1, nil
	case isNaN(b):
		return 1, nil
	}
	x, err := exact(a)
	if err != nil {
		return 0, err
	}
	y, err := exact(b)
	if err != nil {
		return 0, err
	}
	return x.Cmp(y), nil
}

func isNaN(v any) bool { f, ok := v.(float64); return ok && math.IsNaN(f) }

// exact holds every number that is no decimal, and the infinities.
func exact(v any) (*big.Float, error) {
	switch n := v.(type) {
	case int32:
		return new(big.Float).SetInt64(int64(n)), nil
	case int64:
		return new(big.Float).SetInt64(n), nil
	case float64:
		return new(big.Float).SetFloat64(n), nil
	}
	return nil, unsupported("decimal arithmetic")
}
