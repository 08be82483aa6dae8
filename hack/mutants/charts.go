package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// chartsVariable names the charts to the tests in e2e/render: templates are read when a test runs, so no overlay of the compiler reaches them.
const chartsVariable = "MONGOGATE_TEST_CHARTS"

// aboutCharts is true for a mutant whose edits are in templates.
func (m mutant) aboutCharts() bool {
	for _, e := range m.edits {
		if !strings.HasPrefix(e.file, "charts/") {
			return false
		}
	}
	return len(m.edits) > 0
}

// copied is a copy of the charts with the mutant's edits in it.
func (m mutant) copied(root, dir string) (string, error) {
	to := filepath.Join(dir, "charts")
	if err := os.CopyFS(to, os.DirFS(filepath.Join(root, "charts"))); err != nil {
		return "", fmt.Errorf("copying the charts: %w", err)
	}
	for _, e := range m.edits {
		path := filepath.Join(dir, e.file)
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(b), e.old); n != 1 {
			return "", fmt.Errorf("%s has this %d times, want once: %q", e.file, n, e.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), e.old, e.new, 1)), 0o600); err != nil {
			return "", err
		}
	}
	return to, nil
}
