package fakemongo

import "go.mongodb.org/mongo-driver/v2/bson"

// projection is a find's projection: the fields to keep, or those to leave out.
type projection struct {
	include bool
	id      bool
	paths   [][]string
}

func parseProjection(spec bson.D) (projection, error) {
	p := projection{id: true}
	decided := false
	for _, e := range spec {
		switch e.Value.(type) {
		case bool, int32, int64, float64:
		default:
			return p, unsupported("projections that compute: %s", e.Key)
		}
		keep := truthy(e.Value)
		if e.Key == "_id" {
			p.id = keep
			continue
		}
		if decided && keep != p.include {
			return p, fail(31254, "Cannot do inclusion and exclusion of fields together: %s", e.Key)
		}
		decided, p.include = true, keep
		parts, err := splitPath(e.Key)
		if err != nil {
			return p, err
		}
		p.paths = append(p.paths, parts)
	}
	if id := lookup(spec, "_id"); !decided && id != any(missing) {
		p.include = p.id
	}
	return p, nil
}

func (p projection) apply(doc bson.D) bson.D {
	if p.include {
		kept := keep(doc, p.paths)
		if id := lookup(doc, "_id"); p.id && id != any(missing) {
			kept = append(bson.D{{Key: "_id", Value: id}}, with(kept, "_id", missing)...)
		}
		return kept
	}
	for _, parts := range p.paths {
		doc = remover{}.without(doc, parts)
	}
	if !p.id {
		doc = with(doc, "_id", missing)
	}
	return doc
}

// keep leaves what the paths name, in the document's own order.
func keep(doc bson.D, paths [][]string) bson.D {
	out := bson.D{}
	for _, e := range doc {
		var below [][]string
		whole := false
		for _, parts := range paths {
			if parts[0] != e.Key {
				continue
			}
			whole = whole || len(parts) == 1
			below = append(below, parts[1:])
		}
		switch {
		case whole:
			out = append(out, e)
		case len(below) > 0:
			if v := keepIn(e.Value, below); v != any(missing) {
				out = append(out, bson.E{Key: e.Key, Value: v})
			}
		}
	}
	return out
}

func keepIn(v any, paths [][]string) any {
	switch v := v.(type) {
	case bson.D:
		return keep(v, paths)
	case bson.A:
		out := bson.A{}
		for _, item := range v {
			if kept := keepIn(item, paths); kept != any(missing) {
				out = append(out, kept)
			}
		}
		return out
	}
	return missing
}
