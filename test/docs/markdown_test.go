//go:build linux

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// root of the repository.
const root = "../.."

// page is a document.
type page struct {
	name   string // from the root
	text   string
	blocks []block
}

// block is a fenced block of code.
type block struct {
	language, text string
	// mark is what stands in a comment before it: test, test: cron, …
	mark string
	// output and noOutput are what a comment after it says of its output.
	output, noOutput []string
	line             int
}

// pages are all documents for people.
func pages(t *testing.T) []page {
	t.Helper()
	var names []string
	for dir, least := range map[string]int{"docs": 1, "docs/use": 9, "docs/kubernetes": 8, "docs/internals": 6} {
		found, err := filepath.Glob(filepath.Join(root, dir, "*.md"))
		if err != nil || len(found) < least {
			t.Fatalf("%d documents in %s: %v", len(found), dir, err)
		}
		names = append(names, found...)
	}
	for _, n := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} {
		names = append(names, filepath.Join(root, n))
	}
	if len(names) < 28 {
		t.Fatalf("only %d documents", len(names))
	}
	var all []page
	for _, n := range names {
		b := must.Get(os.ReadFile(n))(t)
		rel := must.Get(filepath.Rel(root, n))(t)
		all = append(all, page{name: rel, text: string(b), blocks: blocksOf(string(b))})
	}
	return all
}

var comment = regexp.MustCompile(`^<!-- (.*) -->$`)

func blocksOf(text string) []block {
	var blocks []block
	var current *block
	mark := ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case current != nil && line == "```":
			blocks = append(blocks, *current)
			current = nil
		case current != nil:
			current.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			current = &block{language: strings.TrimPrefix(line, "```"), mark: mark, line: i + 1}
			mark = ""
		case comment.MatchString(line):
			c := comment.FindStringSubmatch(line)[1]
			said, isOutput := strings.CutPrefix(c, "output: ")
			not, isNoOutput := strings.CutPrefix(c, "no output: ")
			switch {
			case isOutput && len(blocks) > 0:
				b := &blocks[len(blocks)-1]
				b.output = append(b.output, said)
			case isNoOutput && len(blocks) > 0:
				b := &blocks[len(blocks)-1]
				b.noOutput = append(b.noOutput, not)
			default:
				mark = c
			}
		case line != "":
			mark = ""
		}
	}
	return blocks
}

// marked are the blocks of all pages with that mark and language.
func marked(t *testing.T, mark, language string, floor int) map[string][]block {
	t.Helper()
	found := map[string][]block{}
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.mark == mark && b.language == language {
				found[p.name] = append(found[p.name], b)
				n++
			}
		}
	}
	if n < floor {
		t.Fatalf("%d blocks of %s are marked %q, want %d at least: a mark is misspelt, or a block is gone", n, language, mark, floor)
	}
	return found
}

func TestMarksAreKnown(t *testing.T) {
	known := []string{"", "test", "test: cron", "test: systemd", "test: role", "test: promql"}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if strings.HasPrefix(b.mark, "test") && !slices.Contains(known, b.mark) {
				t.Errorf("%s:%d: nothing tests the mark %q", p.name, b.line, b.mark)
			}
			if len(b.output)+len(b.noOutput) > 0 && b.mark != "test" {
				t.Errorf("%s:%d: output is promised of a block that is not run", p.name, b.line)
			}
		}
		if strings.Count(p.text, "\n```")%2 != 0 {
			t.Errorf("%s: a block has no end", p.name)
		}
	}
}

// pageOf is the text of one document.
func pageOf(t *testing.T, name string) string {
	t.Helper()
	for _, p := range pages(t) {
		if p.name == name {
			return p.text
		}
	}
	t.Fatalf("there is no document %s", name)
	return ""
}

// tableIn is the table after a line, which is to have at least so many rows.
func tableIn(t *testing.T, text, after string, least int) [][]string {
	t.Helper()
	table := rows(t, text, after)
	if len(table) < least {
		t.Errorf("only %d rows after %q, of %d", len(table), after, least)
	}
	return table
}

// rows are the cells of the first table after a mark.
func rows(t *testing.T, text, after string) [][]string {
	t.Helper()
	_, text, ok := strings.Cut(text, after)
	if !ok {
		t.Fatalf("there is no %q", after)
	}
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(all) > 0 {
				break
			}
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		all = append(all, cells)
	}
	if len(all) < 3 {
		t.Fatalf("there is no table after %q", after)
	}
	return all[2:] // without its head
}
