package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mongogate/mongogate/pkg/problem"
)

// maxFile is far more than a file with every setting has.
const maxFile = 1 << 20

// entry is one setting in a file.
type entry struct {
	row  setting
	text string
	line int
}

// readYAML returns what a file says: one mapping of keys to plain values, and
// for lists to sequences of them. Nothing that it reports repeats a value.
func readYAML(name string, data []byte) ([]entry, []problem.Problem) {
	if len(data) > maxFile {
		return nil, []problem.Problem{{Field: "config", Source: name, Message: fmt.Sprintf("the file has %d bytes, more than %d", len(data), maxFile), Remedy: "is it the right file?"}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) { // nothing but comments
			return nil, nil
		}
		return nil, []problem.Problem{syntaxProblem(name, err)}
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, []problem.Problem{syntaxProblem(name, err)}
		}
		return nil, []problem.Problem{{Field: "config", Source: place(name, second.Line), Message: "the file has a second document", Remedy: "leave one document in it"}}
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, []problem.Problem{{Field: "config", Source: place(name, root.Line), Message: "the file is not a mapping of settings", Remedy: "write lines like ttl: 30s"}}
	}
	return readMapping(name, root)
}

func readMapping(name string, root *yaml.Node) (entries []entry, problems []problem.Problem) {
	seen := map[string]int{}
	keys := namesOf(setting.key)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := place(name, key.Line)
		row, ok := findKey(key)
		if !ok {
			p := problem.Problem{Source: at, Message: "no setting has the key " + showName(key.Value), Remedy: didYouMean(key.Value, "", keys)}
			if r, found := find(key.Value); found && r.key() != "" {
				p.Remedy = "in a file it is written " + r.key()
			}
			if p.Remedy == "" {
				p.Remedy = "the reference of settings lists the keys"
			}
			problems = append(problems, p)
			continue
		}
		if line, twice := seen[row.name]; twice {
			problems = append(problems, problem.Problem{Field: row.name, Source: at, Message: fmt.Sprintf("given twice, first in line %d", line), Remedy: "leave one of them out"})
			continue
		}
		seen[row.name] = key.Line
		text, f := scalarText(row, value)
		if f != nil {
			problems = append(problems, problem.Problem{Field: row.name, Source: at, Message: f.Message, Remedy: f.Remedy})
			continue
		}
		entries = append(entries, entry{row: row, text: text, line: key.Line})
	}
	return entries, problems
}

func findKey(key *yaml.Node) (setting, bool) {
	for _, row := range table {
		if key.Kind == yaml.ScalarNode && key.Value != "" && row.key() == key.Value {
			return row, true
		}
	}
	return setting{}, false
}

// scalarText is the value as it would stand behind a flag.
func scalarText(row setting, value *yaml.Node) (string, *problem.Problem) {
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!null" || value.Kind == yaml.ScalarNode && value.Value == "":
		return "", wrong("it has no value", "give one, or leave the key out")
	case value.Kind == yaml.ScalarNode && !strings.HasPrefix(value.Tag, "!!binary"):
		return value.Value, nil
	case value.Kind == yaml.SequenceNode && row.kind() == "list":
		var words []string
		for _, v := range value.Content {
			if v.Kind != yaml.ScalarNode {
				return "", wrong("an element of the list is not a plain word", "write [a, b]")
			}
			words = append(words, v.Value)
		}
		if len(words) == 0 {
			return "", wrong("the list is empty", "give a word, or leave the key out")
		}
		return strings.Join(words, ","), nil
	case value.Kind == yaml.AliasNode:
		return "", wrong("aliases are not read", "write the value out; put quotes around one that begins with *")
	default:
		return "", wrong("not a plain value", "write "+row.key()+": VALUE on one line")
	}
}

func place(name string, line int) string { return fmt.Sprintf("%s:%d", name, line) }

var lineOf = regexp.MustCompile(`line (\d+)`)

// syntaxProblem keeps the line and drops the parser's words: they can quote
// the file (an anchor, a tag), and what begins with * or ! may be a password.
func syntaxProblem(name string, err error) problem.Problem {
	p := problem.Problem{
		Field: "config", Source: name, Message: "the file is not YAML",
		Remedy: "write lines like ttl: 30s, without tabs, with quotes around values that contain signs",
	}
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil {
		p.Source += ":" + m[1]
	}
	return p
}
