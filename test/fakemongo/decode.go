package fakemongo

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// decode is bson.Unmarshal into a bson.D, several times as fast: a simulation
// decodes more than it does anything else.
func decode(raw []byte) (bson.D, error) {
	doc := bsoncore.Document(raw)
	if err := doc.Validate(); err != nil {
		return nil, fail(22, "InvalidBSON: %v", err)
	}
	return decodeDocument(doc)
}

func decodeDocument(doc bsoncore.Document) (bson.D, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, fail(22, "InvalidBSON: %v", err)
	}
	out := make(bson.D, len(elements))
	for i, e := range elements {
		v, err := decodeValue(e.Value())
		if err != nil {
			return nil, err
		}
		out[i] = bson.E{Key: e.Key(), Value: v}
	}
	return out, nil
}

func decodeValue(v bsoncore.Value) (any, error) {
	switch v.Type {
	case bsoncore.TypeDouble:
		return v.Double(), nil
	case bsoncore.TypeString:
		return v.StringValue(), nil
	case bsoncore.TypeEmbeddedDocument:
		return decodeDocument(v.Document())
	case bsoncore.TypeArray:
		items, err := v.Array().Values()
		if err != nil {
			return nil, fail(22, "InvalidBSON: %v", err)
		}
		out := make(bson.A, len(items))
		for i, item := range items {
			if out[i], err = decodeValue(item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case bsoncore.TypeBoolean:
		return v.Boolean(), nil
	case bsoncore.TypeNull:
		return nil, nil
	case bsoncore.TypeInt32:
		return v.Int32(), nil
	case bsoncore.TypeInt64:
		return v.Int64(), nil
	case bsoncore.TypeDateTime:
		return bson.DateTime(v.DateTime()), nil
	default: // rare: the driver's own way
		var out any
		if err := (bson.RawValue{Type: bson.Type(v.Type), Value: v.Data}).Unmarshal(&out); err != nil {
			return nil, fmt.Errorf("decode a value of BSON type %v: %w", v.Type, err)
		}
		return out, nil
	}
}
