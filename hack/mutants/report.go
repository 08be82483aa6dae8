package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const report = "docs/mutants.md"

// write puts the results into the documents.
func write(root string, results []result) error {
	var killed, equivalent strings.Builder
	n := 0
	for _, r := range results {
		if r.equivalent != "" {
			fmt.Fprintf(&equivalent, "| %s | %s | %s |\n", r.name, cell(r.protects), cell(r.equivalent))
			continue
		}
		n++
		fmt.Fprintf(&killed, "| %s | %s | %s |\n", r.name, cell(r.protects), cell(strings.Join(r.failed, ", ")))
	}
	text := fmt.Sprintf(`# Mutants

Each row is a protection that was taken away, and a test that failed without it. Made by
`+"`go run ./hack/mutants`"+`, which exits with an error when one survives; the exact edits are in `+"`hack/mutants/table_*.go`"+`.
TestHistories is the simulation of the whole stack (`+"`internal/sim`"+`), TestConformance the suite that any store can be tried with
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
