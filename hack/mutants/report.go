package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const report = "docs/internals/mutants.md"

// row is the mutant's line in the documents.
func (r *result) row() string {
	why := strings.Join(r.failed, ", ")
	if r.equivalent != "" {
		why = r.equivalent
	}
	return fmt.Sprintf("| %s | %s | %s |\n", r.name, cell(r.protects), cell(why))
}

// read gives the lines of the documents by the mutant's name.
func read(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, report))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", report, err)
	}
	shown := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | "); ok && strings.HasPrefix(line, "| ") {
			shown[name] = line
		}
	}
	return shown, nil
}

// record gives a mutant its line, or takes it away.
func record(root string, shown map[string]string, r *result) error {
	if r.good() {
		shown[r.name] = r.row()
	} else {
		delete(shown, r.name)
	}
	return write(root, shown)
}

// keep writes what a mutant's tests said into a file of dir.
func (r *result) keep(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, r.name+".txt"), []byte(r.String()+"\n\n"+r.said.String()), 0o644); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// write puts lines into the documents, in the order of the tables. What was not tried this time keeps its line.
func write(root string, shown map[string]string) error {
	var killed, equivalent strings.Builder
	n := 0
	for _, m := range tables() {
		switch line := shown[m.name]; {
		case m.equivalent != "":
			equivalent.WriteString(line)
		case line != "":
			n++
			killed.WriteString(line)
		}
	}
	text := fmt.Sprintf(`# Mutants

Each row is a protection that was taken away, and a test that failed without it. Made by
`+"`go run ./hack/mutants`"+`, which exits with an error when one survives (`+"`-new`"+` tries those that are not shown here); the exact edits are in `+"`hack/mutants/table_*.go`"+`.
TestHistories is the simulation of the whole stack (`+"`test/sim`"+`), TestConformance the suite that any store can be tried with
(`+"`pkg/mongolock/locktest`"+`); both run here against the server of the simulation. P1 to P12 are the points of the protocol.

%d mutants killed.

| taken away | what it protects | failed |
|---|---|---|
%s`, n, killed.String())
	if equivalent.Len() > 0 {
		text += `
## Equivalent

What was changed here no test can see, for the reason given; the tests pass with it.

| changed | belongs to | why nothing follows |
|---|---|---|
` + equivalent.String()
	}
	if err := os.WriteFile(filepath.Join(root, report), []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", report, err)
	}
	return nil
}

// cell keeps a text inside a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
