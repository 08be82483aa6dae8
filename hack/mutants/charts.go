package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// chartsVariable names the charts to the tests in e2e/render: templates are read when a test runs, so no overlay of the compiler reaches them.
const chartsVariable = "MONGOGATE_TEST_CHARTS"

// aboutCharts is true for a mutant of templates.
func (m mutant) aboutCharts() bool { return strings.HasPrefix(m.edits[0].in, "mongogate.") }

// copied is a copy of the charts with changes in it.
func copied(root, dir string, changes []change) (string, error) {
	to := filepath.Join(dir, "charts")
	if err := os.CopyFS(to, os.DirFS(filepath.Join(root, "charts"))); err != nil {
		return "", fmt.Errorf("copying the charts: %w", err)
	}
	for path, text := range mutated(changes) {
		if err := os.WriteFile(filepath.Join(dir, strings.TrimPrefix(path, root)), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("changing a chart: %w", err)
		}
	}
	return to, nil
}
