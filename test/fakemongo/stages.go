package fakemongo

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// stage turns one document into another; the scope's root is the stage's input.
type stage func(*scope) (bson.D, error)

// parsePipeline parses the stages that an update may have.
func parsePipeline(list bson.A) ([]stage, error) {
	stages := make([]stage, len(list))
	for i, item := range list {
		d, ok := item.(bson.D)
		if !ok || len(d) != 1 {
			return nil, unsupported("the stage %v", item)
		}
		var err error
		switch name, arg := d[0].Key, d[0].Value; name {
		case "$set":
			stages[i], err = parseSet(arg)
		case "$unset":
			stages[i], err = parseUnset(arg)
		case "$replaceWith":
			stages[i], err = parseReplace(arg)
		default:
			err = unsupported("the stage %s", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return stages, nil
}

func runPipeline(stages []stage, s scope) (bson.D, error) {
	for _, run := range stages {
		out, err := run(&s)
		if err != nil {
			return nil, err
		}
		s.root = out
	}
	return live(s.root), nil
}

// parseSet takes computed values of fields at the top. An object without an
// operator would be merged into what is there; that is not implemented.
func parseSet(arg any) (stage, error) {
	spec, ok := arg.(bson.D)
	if !ok {
		return nil, unsupported("$set of %v", arg)
	}
	values := make([]expr, len(spec))
	for i, e := range spec {
		if _, isObject := e.Value.(bson.D); isObject && !isOperators(e.Value) || !isName(e.Key) {
			return nil, unsupported("$set of %s to %v", e.Key, e.Value)
		}
		var err error
		if values[i], err = (parser{}).parse(e.Value); err != nil {
			return nil, err
		}
	}
	return func(s *scope) (bson.D, error) {
		s.rebuilt = true
		doc := s.root
		for i, value := range values {
			v, err := value(s)
			if err != nil {
				return nil, err
			}
			doc = place(doc, spec[i].Key, v)
		}
		return doc, nil
	}, nil
}

func parseUnset(arg any) (stage, error) {
	field, ok := arg.(string)
	if !ok || !isName(field) {
		return nil, unsupported("$unset of %v", arg)
	}
	return func(s *scope) (bson.D, error) {
		if s.rebuilt && lookup(s.root, field) != any(missing) {
			return place(s.root, field, missing), nil
		}
		return with(s.root, field, missing), nil
	}, nil
}

func parseReplace(arg any) (stage, error) {
	value, err := parser{}.parse(arg)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (bson.D, error) {
		s.rebuilt = true
		v, err := value(s)
		if err != nil {
			return nil, err
		}
		d, ok := v.(bson.D)
		if !ok {
			return nil, fail(40228, "'newRoot' expression must evaluate to an object, but resulting value was %T", v)
		}
		return d, nil
	}, nil
}

// isName is true for the name of a field at the top of a document.
func isName(s string) bool { return s != "" && !strings.HasPrefix(s, "$") && !strings.Contains(s, ".") }

// isOperators is true for an object that is an operator, or several.
func isOperators(v any) bool {
	d, ok := v.(bson.D)
	return ok && len(d) > 0 && strings.HasPrefix(d[0].Key, "$")
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
