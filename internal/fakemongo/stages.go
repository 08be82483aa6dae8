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
			return nil, fail(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		var err error
		switch name, arg := d[0].Key, d[0].Value; name {
		case "$set", "$addFields":
			stages[i], err = parseSet(name, arg)
		case "$unset":
			stages[i], err = parseUnset(arg)
		case "$replaceWith":
			stages[i], err = parseReplace(arg)
		case "$replaceRoot":
			spec, ok := arg.(bson.D)
			if !ok || len(spec) != 1 || spec[0].Key != "newRoot" {
				return nil, fail(40231, "$replaceRoot wants an object with the one field newRoot")
			}
			stages[i], err = parseReplace(spec[0].Value)
		case "$project":
			return nil, unsupported("the stage $project")
		case "$match", "$sort", "$limit", "$skip", "$group", "$lookup", "$unwind", "$merge", "$out", "$count", "$facet":
			return nil, fail(72, "%s is not allowed to be used within an update", name)
		default:
			return nil, fail(40324, "Unrecognized pipeline stage name: '%s'", name)
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
	return s.root, nil
}

// setNode is one name in the tree of paths that a $set names: a computed value, or children.
type setNode struct {
	name     string
	value    expr
	children []*setNode
}

func parseSet(name string, arg any) (stage, error) {
	spec, ok := arg.(bson.D)
	if !ok {
		return nil, fail(40272, "%s specification stage must be an object, got %T", name, arg)
	}
	if len(spec) == 0 {
		return nil, fail(40177, "Invalid %s :: caused by :: specification must have at least one field", name)
	}
	root := &setNode{}
	if err := root.addFields(spec); err != nil {
		return nil, err
	}
	return func(s *scope) (bson.D, error) { return root.apply(s, s.root) }, nil
}

// addFields takes an object without operators as further paths, not as a value: $set merges into what is there.
func (n *setNode) addFields(spec bson.D) error {
	for _, e := range spec {
		if strings.HasPrefix(e.Key, "$") {
			return fail(16410, "FieldPath field names may not start with '$': %s", e.Key)
		}
		parts, err := splitPath(e.Key)
		if err != nil {
			return err
		}
		at := n
		for i, part := range parts {
			if at, err = at.child(part, i == len(parts)-1); err != nil {
				return err
			}
		}
		nested, ok := e.Value.(bson.D)
		switch {
		case ok && len(nested) == 0:
			return fail(40180, "an empty object is not a valid value. Found empty object at path %s", e.Key)
		case ok && !strings.HasPrefix(nested[0].Key, "$"):
			err = at.addFields(nested)
		case len(at.children) > 0:
			return fail(40176, "specification contains two conflicting paths at %s", e.Key)
		default:
			at.value, err = parser{}.parse(e.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *setNode) child(name string, last bool) (*setNode, error) {
	for _, c := range n.children {
		if c.name == name {
			if c.value != nil || last {
				return nil, fail(40176, "specification contains two conflicting paths at %s", name)
			}
			return c, nil
		}
	}
	c := &setNode{name: name}
	n.children = append(n.children, c)
	return c, nil
}

func (n *setNode) apply(s *scope, doc bson.D) (bson.D, error) {
	for _, c := range n.children {
		v, err := c.applyTo(s, lookup(doc, c.name))
		if err != nil {
			return nil, err
		}
		doc = with(doc, c.name, v)
	}
	return doc, nil
}

func (n *setNode) applyTo(s *scope, old any) (any, error) {
	if n.value != nil {
		return n.value(s)
	}
	switch old := old.(type) {
	case bson.D:
		return n.apply(s, old)
	case bson.A:
		out := make(bson.A, len(old))
		for i, item := range old {
			v, err := n.applyTo(s, item)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	return n.apply(s, bson.D{})
}

func parseUnset(arg any) (stage, error) {
	list, ok := arg.(bson.A)
	if !ok {
		list = bson.A{arg}
	}
	if len(list) == 0 {
		return nil, fail(31119, "$unset specification must be a string or an array with at least one field")
	}
	var paths [][]string
	for _, item := range list {
		path, ok := item.(string)
		if !ok {
			return nil, fail(31120, "$unset specification must be a string or an array containing only string values")
		}
		if strings.HasPrefix(path, "$") {
			return nil, fail(16410, "FieldPath field names may not start with '$': %s", path)
		}
		parts, err := splitPath(path)
		if err != nil {
			return nil, err
		}
		paths = append(paths, parts)
	}
	return func(s *scope) (bson.D, error) {
		doc := s.root
		for _, parts := range paths {
			doc = without(doc, parts)
		}
		return doc, nil
	}, nil
}

// without removes a path, in the objects of arrays on the way too.
func without(doc bson.D, parts []string) bson.D {
	v := lookup(doc, parts[0])
	if len(parts) == 1 || v == any(missing) {
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

func parseReplace(arg any) (stage, error) {
	value, err := parser{}.parse(arg)
	if err != nil {
		return nil, err
	}
	return func(s *scope) (bson.D, error) {
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
