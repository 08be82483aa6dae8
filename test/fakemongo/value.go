package fakemongo

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Values are what package bson decodes into a bson.D: bson.D, bson.A, string,
// bool, int32, int64, float64, nil for null, bson.DateTime and so on, and
// missing for a field that is not there.

type missingType struct{}

var missing = missingType{}

func isNullish(v any) bool {
	switch v.(type) {
	case nil, missingType:
		return true
	}
	return false
}

// kind is a type of values: its name is what $type answers, its order is canonicalizeBSONType of
// MongoDB's src/mongo/bson/bsontypes.h: missing < null < numbers < strings < objects < arrays < … < bool < date.
type kind struct {
	name  string
	order int
}

func kindOf(v any) (kind, error) {
	switch v.(type) {
	case bson.MinKey:
		return kind{"minKey", -1}, nil
	case missingType:
		return kind{"missing", 0}, nil
	case nil:
		return kind{"null", 5}, nil
	case int32:
		return kind{"int", 10}, nil
	case int64:
		return kind{"long", 10}, nil
	case float64:
		return kind{"double", 10}, nil
	case bson.Decimal128:
		return kind{"decimal", 10}, nil
	case string:
		return kind{"string", 15}, nil
	case bson.D:
		return kind{"object", 20}, nil
	case bson.A:
		return kind{"array", 25}, nil
	case bson.Binary:
		return kind{"binData", 30}, nil
	case bson.ObjectID:
		return kind{"objectId", 35}, nil
	case bool:
		return kind{"bool", 40}, nil
	case bson.DateTime:
		return kind{"date", 45}, nil
	case bson.Timestamp:
		return kind{"timestamp", 47}, nil
	case bson.Regex:
		return kind{"regex", 50}, nil
	case bson.MaxKey:
		return kind{"maxKey", 127}, nil
	}
	return kind{}, unsupported("values of Go type %T", v)
}

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, float64, bson.Decimal128:
		return true
	}
	return false
}

// integral is the value of a number that has no fraction and fits.
func integral(v any) (int64, bool) {
	switch n := v.(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		if n == math.Trunc(n) && n >= -1<<63 && n < 1<<63 {
			return int64(n), true
		}
	}
	return 0, false
}

// truthy is the server's coercion to a boolean.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil, missingType:
		return false
	case bool:
		return v
	case int32:
		return v != 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	case bson.Decimal128:
		return !v.IsZero()
	}
	return true
}

func lookup(doc bson.D, field string) any {
	for _, e := range doc {
		if e.Key == field {
			return e.Value
		}
	}
	return missing
}

// with returns doc with the field set, at its old place or at the end, or
// without it for the value missing. doc itself is not changed.
func with(doc bson.D, field string, v any) bson.D {
	out := make(bson.D, 0, len(doc)+1)
	found := false
	for _, e := range doc {
		if e.Key == field {
			found = true
			if v == any(missing) {
				continue
			}
			e.Value = v
		}
		out = append(out, e)
	}
	if !found && v != any(missing) {
		out = append(out, bson.E{Key: field, Value: v})
	}
	return out
}

func encode(d bson.D) (bson.Raw, error) {
	raw, err := bson.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode a document: %w", err)
	}
	return raw, nil
}

// idKey maps equal _id values to equal strings: 1, int64 1 and 1.0 are one key.
func idKey(v any) (string, error) {
	if n, ok := integral(v); ok {
		return fmt.Sprintf("number %d", n), nil
	}
	t, raw, err := bson.MarshalValue(v)
	if err != nil {
		return "", fail(2, "_id of Go type %T: %v", v, err)
	}
	return fmt.Sprintf("%s %s", t, raw), nil
}

func splitPath(path string) ([]string, error) {
	parts := strings.Split(path, ".")
	if slices.Contains(parts, "") {
		return nil, unsupported("the path '%s'", path)
	}
	return parts, nil
}
