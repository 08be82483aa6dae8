//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/mongogate/mongogate/pkg/printable"
)

// table is what a command for people prints. Nothing gets into it but by its
// cells, in which all that others have written shows: it moves no cursor and begins no line.
type table struct {
	out bytes.Buffer
	tab *tabwriter.Writer
	err error
}

// maxCell is more than a key has, and less than anybody wants to see of an owner's name.
const maxCell = 1024

func newTable() *table {
	t := new(table)
	t.tab = tabwriter.NewWriter(&t.out, 0, 0, 2, ' ', 0)
	return t
}

// row is a line of cells.
func (t *table) row(cells ...string) {
	shown := make([]string, len(cells))
	for i, c := range cells {
		shown[i] = printable.Text(c, maxCell)
	}
	_, err := fmt.Fprintln(t.tab, strings.Join(shown, "\t"))
	t.err = errors.Join(t.err, err)
}

func (t *table) bytes() ([]byte, error) {
	err := errors.Join(t.err, t.tab.Flush())
	return t.out.Bytes(), err
}

// who is a name that somebody has chosen, or a dash.
func who(name string) string { return dash(printable.Text(name, printable.Name)) }

// asYAML is v with the names that it has in JSON.
func asYAML(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(printable.YAML(b), &document); err != nil { // JSON is YAML, but for raw control signs
		return nil, err
	}
	plainStyle(&document)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&document), e.Close()); err != nil {
		return nil, err
	}
	return printable.YAML(out.Bytes()), nil
}

// plainStyle takes the marks of JSON off, but for texts in which something has to be escaped: only in double quotes does YAML know escapes.
func plainStyle(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && !printable.Visible(n.Value) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		plainStyle(child)
	}
}
