package fakemongo

import (
	"slices"
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
		if !ok {
			return nil, fail(14, "Each element of the 'pipeline' array must be an object")
		}
		if len(d) != 1 {
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
			if !ok {
				return nil, fail(40229, "expected an object as specification for $replaceRoot stage, got %T", arg)
			}
			if err := onlyFields(spec, "newRoot"); err != nil {
				return nil, err
			}
			stages[i], err = parseReplace(lookup(spec, "newRoot"))
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
	return live(s.root), nil
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
	root := &setNode{}
	if err := root.addFields(spec, false); err != nil {
		return nil, err
	}
	return func(s *scope) (bson.D, error) {
		s.rebuilt = true
		return root.apply(s, s.root)
	}, nil
}

// addFields takes an object without operators as further paths, not as a value: $set merges into what is there.
func (n *setNode) addFields(spec bson.D, below bool) error {
	for _, e := range spec {
		if strings.HasPrefix(e.Key, "$") {
			return fail(16410, "FieldPath field names may not start with '$': %s", e.Key)
		}
		if below && strings.Contains(e.Key, ".") {
			return fail(40183, "cannot use dotted field name '%s' in a sub object", e.Key)
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
		operator := slices.ContainsFunc(nested, func(e bson.E) bool { return strings.HasPrefix(e.Key, "$") })
		switch {
		case operator && len(nested) != 1:
			return fail(40181, "an expression specification must contain exactly one field, the name of the expression: %s", e.Key)
		case ok && !operator && len(nested) > 0:
			err = at.addFields(nested, true)
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
		doc = place(doc, c.name, v)
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
	var list bson.A
	switch arg := arg.(type) {
	case string:
		list = bson.A{arg}
	case bson.A:
		list = arg
	default:
		return nil, fail(31002, "$unset specification must be a string or an array")
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
		for _, other := range paths {
			if n := min(len(parts), len(other)); slices.Equal(parts[:n], other[:n]) {
				if len(parts) == len(other) {
					return nil, fail(31250, "Path collision at %s", path)
				}
				return nil, fail(31249, "Path collision at %s", path)
			}
		}
		paths = append(paths, parts)
	}
	return func(s *scope) (bson.D, error) {
		doc := s.root
		for _, parts := range paths {
			doc = remover{gaps: s.rebuilt}.without(doc, parts)
		}
		return doc, nil
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
