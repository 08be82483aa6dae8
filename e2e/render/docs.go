package render

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Example is a block of a document that somebody will copy.
type Example struct {
	// Page is the document, from the root of the repository.
	Page string
	Line int
	// Mark is the comment before the block, which says what holds it: see [Examples].
	Mark, Text string
}

func (e Example) String() string { return fmt.Sprintf("%s:%d", e.Page, e.Line) }

// Examples are the YAML blocks of the documents about Kubernetes. Each has a mark, a comment on the line before it:
//
//	render: chart      values that the application chart renders
//	render: library    values of a chart that the page's files make
//	render: kustomize  a kustomization of the page's files
//	file: NAME         one of those files
//	refused: TEXT      values that the application chart refuses, saying TEXT
//	test: …            held by test/docs
//
// A block without one, or with another, is an error.
func Examples(root string) ([]Example, error) {
	pages, err := filepath.Glob(filepath.Join(root, "docs/kubernetes/*.md"))
	if err != nil {
		return nil, err
	}
	var all []Example
	for _, path := range append(pages, filepath.Join(root, "README.md")) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		page, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		found, err := examples(page, string(b))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func examples(page, text string) ([]Example, error) {
	var (
		all  []Example
		mark string
		open *Example
		skip bool // inside a block of another language
	)
	for i, line := range strings.Split(text, "\n") {
		comment, isComment := strings.CutPrefix(line, "<!-- ")
		switch {
		case (open != nil || skip) && line == "```":
			if open != nil {
				all = append(all, *open)
			}
			open, skip, mark = nil, false, ""
		case open != nil:
			open.Text += line + "\n"
		case skip:
		case line == "```yaml":
			open = &Example{Page: page, Line: i + 1, Mark: mark}
			if !known(mark) {
				return nil, fmt.Errorf("%s: the mark %q of this block is not understood", *open, mark)
			}
		case strings.HasPrefix(line, "```"):
			skip = true
			if kind, _, _ := strings.Cut(mark, ":"); kind == "render" || kind == "refused" {
				return nil, fmt.Errorf("%s:%d: %q marks a block that is no yaml", page, i+1, mark)
			}
		case isComment:
			mark = strings.TrimSuffix(comment, " -->")
		case line != "":
			if known(mark) && !strings.HasPrefix(mark, "test") {
				return nil, fmt.Errorf("%s:%d: %q marks no block", page, i+1, mark)
			}
			mark = ""
		}
	}
	if open != nil || skip {
		return nil, fmt.Errorf("%s: a block has no end", page)
	}
	return all, nil
}

func known(mark string) bool {
	kind, what, _ := strings.Cut(mark, ": ")
	switch kind {
	case "render":
		return what == "chart" || what == "library" || what == "kustomize"
	case "file", "refused", "test":
		return what != ""
	}
	return false
}
