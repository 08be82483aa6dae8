package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	document = "docs/internals/model.md"
	begin    = "<!-- made by make spin: from here -->\n"
	end      = "<!-- made by make spin: to here -->\n"
)

// page holds the tables of the document against what was found, or writes them.
func page(all map[*search]found, update bool) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has not both of the marks %q and %q", document, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	now := tables(all)
	switch {
	case old == now:
		return nil
	case !update:
		return errors.New(document + " shows something else: `go run ./hack/spin -update` writes what was found")
	}
	if err := os.WriteFile(document, []byte(before+begin+now+end+after), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

// tables are what was found, in Markdown.
func tables(all map[*search]found) string {
	states := func(p *part, without string, ends bool) int {
		for s, f := range all {
			if s.part == p && s.without == without && s.ends == ends {
				return f.states
			}
		}
		return 0
	}
	var s strings.Builder
	s.WriteString("| part | what happens in it | states | every run ends |\n|---|---|---:|---|\n")
	sum, rules := 0, 0
	for i := range parts {
		p := &parts[i]
		sum += states(p, "", false)
		ends := "not asked: a network that loses every call goes on forever"
		if p.ends {
			ends = fmt.Sprintf("yes (%d states)", states(p, "", true))
		}
		fmt.Fprintf(&s, "| %s | %s | %d | %s |\n", p.name, p.what, states(p, "", false), ends)
	}
	fmt.Fprintf(&s, "\n%d states, every search complete, no property failed.\n\n| rule left out | in part | property that fails |\n|---|---|---|\n", sum)
	for _, p := range parts {
		for _, r := range p.rules {
			rules++
			fmt.Fprintf(&s, "| `%s` | %s | %s |\n", r.name, p.name, strings.ReplaceAll(r.breaks, "_", " "))
		}
	}
	fmt.Fprintf(&s, "\n%d rules, each found.\n", rules)
	return s.String()
}
