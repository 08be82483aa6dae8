package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

// remover removes paths; it may leave gaps, see place.
type remover struct{ gaps bool }

// without removes a path, in the objects of arrays on the way too.
func (r remover) without(doc bson.D, parts []string) bson.D {
	v := lookup(doc, parts[0])
	switch {
	case v == any(missing):
		return doc
	case len(parts) > 1:
		return with(doc, parts[0], r.withoutIn(v, parts[1:]))
	case r.gaps:
		return place(doc, parts[0], missing)
	}
	return with(doc, parts[0], missing)
}

func (r remover) withoutIn(v any, parts []string) any {
	switch v := v.(type) {
	case bson.D:
		return r.without(v, parts)
	case bson.A:
		out := make(bson.A, len(v))
		for i, item := range v {
			out[i] = r.withoutIn(item, parts)
		}
		return out
	}
	return v
}

// place is with, but a field that a pipeline makes missing keeps its place as a
// gap, or takes one at the end: a later stage that gives it a value puts it
// there. So the server does, whose documents are rebuilt once, at the end; only
// an $unset of the document as it was stored leaves none.
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
