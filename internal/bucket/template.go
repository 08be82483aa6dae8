package bucket

import (
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/mongogate/mongogate/pkg/problem"
)

// fields are what a key template may name.
var fields = []string{"Namespace", "Job", "Name", "Bucket", "Index", "Cluster"}

// Template is a key with places for names: reports-{{.Bucket}}. It has the
// syntax of text/template, of which only {{.Field}} is allowed: no function,
// no condition, so that what a key depends on can be read off it.
type Template struct {
	text  string
	parts []part
}

type part struct{ literal, field string }

// ParseTemplate reads a template. The error is a [problem.Problem]. The bucket, if
// named, comes last: what stands before it is the same for all buckets of the job.
func ParseTemplate(s string) (*Template, error) {
	wrong := func(remedy, format string, args ...any) (*Template, error) {
		return nil, problem.Problem{Field: "key", Value: s, Message: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	const example = "write it like reports-{{.Bucket}}"
	if len(s) > MaxKey {
		return wrong("shorten it", "%d bytes, more than %d", len(s), MaxKey)
	}
	p := parse.New("key")
	p.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := p.Parse(s, "{{", "}}", trees); err != nil {
		return wrong(example, "not a template: %s", strings.TrimPrefix(err.Error(), "template: key:1: "))
	}
	if len(trees) > 1 {
		return wrong(example, "a key defines no templates of its own")
	}
	t := &Template{text: s}
	if p.Root == nil {
		return wrong(example, "it is empty")
	}
	for _, node := range p.Root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			t.parts = append(t.parts, part{literal: string(n.Text)})
			continue
		case *parse.ActionNode:
			if name, ok := fieldOf(n); ok {
				if !slices.Contains(fields, name) {
					return wrong("the fields are ."+strings.Join(fields, ", ."), "there is no field .%s", name)
				}
				t.parts = append(t.parts, part{field: name})
				continue
			}
		}
		return wrong("the fields are ."+strings.Join(fields, ", ."), "only {{.Field}} is allowed in a key, not %s", node)
	}
	for i, p := range t.parts {
		if p.field == "Bucket" && (i == 0 || i < len(t.parts)-1) {
			return wrong(example, "{{.Bucket}} has to come last, once, and after something that names the job")
		}
	}
	return t, nil
}

func fieldOf(n *parse.ActionNode) (string, bool) {
	if len(n.Pipe.Decl) != 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
		return "", false
	}
	f, ok := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
	if !ok || len(f.Ident) != 1 {
		return "", false
	}
	return f.Ident[0], true
}

// String is the template as it was given.
func (t *Template) String() string { return t.text }

func (t *Template) uses(field string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.field == field })
}

// fill puts the names in, all but the bucket.
func (t *Template) fill(name map[string]string) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		b.WriteString(name[p.field])
	}
	return b.String()
}
