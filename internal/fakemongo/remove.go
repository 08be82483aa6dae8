package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

// without removes a path, in the objects of arrays on the way too.
func without(doc bson.D, parts []string) bson.D {
	v := lookup(doc, parts[0])
	if v == any(missing) {
		return doc
	}
	if len(parts) == 1 {
		return with(doc, parts[0], missing)
	}
	return with(doc, parts[0], withoutIn(v, parts[1:]))
}

func withoutIn(v any, parts []string) any {
	switch v := v.(type) {
	case bson.D:
		return without(v, parts)
	case bson.A:
		out := make(bson.A, len(v))
		for i, item := range v {
			out[i] = withoutIn(item, parts)
		}
		return out
	}
	return v
}

// place is with, but a field that $set makes missing keeps its place, or takes
// one at the end: a later $set of the same pipeline that gives it a value puts
// it there. So the server does; $unset leaves no such place.
func place(doc bson.D, field string, v any) bson.D {
	out := append(make(bson.D, 0, len(doc)+1), doc...)
	for i, e := range out {
		if e.Key == field {
			out[i].Value = v
			return out
		}
	}
	return append(out, bson.E{Key: field, Value: v})
}

// live is the document without the places of missing fields.
func live(doc bson.D) bson.D {
	if !hasGaps(doc) {
		return doc
	}
	out := make(bson.D, 0, len(doc))
	for _, e := range doc {
		if e.Value != any(missing) {
			out = append(out, bson.E{Key: e.Key, Value: liveIn(e.Value)})
		}
	}
	return out
}

func liveIn(v any) any {
	switch v := v.(type) {
	case bson.D:
		return live(v)
	case bson.A:
		if !hasGaps(v) {
			return v
		}
		out := make(bson.A, len(v))
		for i, item := range v {
			out[i] = liveIn(item)
		}
		return out
	}
	return v
}

func hasGaps(v any) bool {
	switch v := v.(type) {
	case missingType:
		return true
	case bson.D:
		for _, e := range v {
			if hasGaps(e.Value) {
				return true
			}
		}
	case bson.A:
		for _, item := range v {
			if hasGaps(item) {
				return true
			}
		}
	}
	return false
}
