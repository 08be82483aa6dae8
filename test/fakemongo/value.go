package fakemongo

import (
	"fmt"
	"math"
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
	case nil, missingType, bson.Undefined:
		return true
	}
	return false
}

// typeName is what $type answers.
func typeName(v any) (string, error) {
	switch v.(type) {
	case missingType:
		return "missing", nil
	case nil:
		return "null", nil
	case bson.Undefined:
		return "undefined", nil
	case float64:
		return "double", nil
	case string:
		return "string", nil
	case bson.D:
		return "object", nil
	case bson.A:
		return "array", nil
	case bson.Binary:
		return "binData", nil
	case bson.ObjectID:
		return "objectId", nil
	case bool:
		return "bool", nil
	case bson.DateTime:
		return "date", nil
	case bson.Regex:
		return "regex", nil
	case int32:
		return "int", nil
	case int64:
		return "long", nil
	case bson.Decimal128:
		return "decimal", nil
	case bson.Timestamp:
		return "timestamp", nil
	case bson.MinKey:
		return "minKey", nil
	case bson.MaxKey:
		return "maxKey", nil
	}
	return "", unsupported("values of Go type %T", v)
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
	case nil, missingType, bson.Undefined:
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
	if path == "" {
		return nil, fail(40352, "FieldPath cannot be constructed with empty string")
	}
	if strings.HasSuffix(path, ".") {
		return nil, fail(40353, "FieldPath must not end with a '.'.")
	}
	parts := strings.Split(path, ".")
	for _, p := range parts {
		if p == "" {
			return nil, fail(15998, "FieldPath field names may not be empty strings: '%s'", path)
		}
	}
	return parts, nil
}
