package main

import (
	"regexp"
	"slices"
	"testing"
)

// TestMutantsFit finds a mutant whose text is gone when the text goes, not when somebody next runs them all.
func TestMutantsFit(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range tables() {
		if seen[m.name] {
			t.Errorf("%s: there are two of this name", m.name)
		}
		seen[m.name] = true
		if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(m.name) || m.protects == "" || len(m.tests) == 0 || len(m.edits) == 0 {
			t.Errorf("%q is incomplete", m.name)
		}
		if _, err := m.environ(root, t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestFirstFailure(t *testing.T) {
	for out, want := range map[string]string{
		"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/sub (0.00s)\nFAIL":                    "TestA/sub",
		"--- FAIL: TestHistories (1.00s)\n    --- FAIL: TestHistories/seed=7 (0.00s)\nFAIL": "TestHistories",
		"--- FAIL: TestA (0.00s)\n--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/sub (0.00s)": "TestA",
		"panic: test timed out after 40s\n\trunning tests:\n\t\tTestC (40s)\n\ngoroutine 1": "TestC (does not end)",
		"panic: close of closed channel\n\ngoroutine 1":                                     "a panic",
		"# x\n./x.go:1:1: undefined: y\nFAIL\tx [build failed]":                             "",
	} {
		if got := firstFailure(out); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}

func TestParts(t *testing.T) {
	module, pkg, flags := parts("-C e2e -timeout=40s ./render -run=^TestA$/b -sim.histories=3")
	if want := []string{"-test.timeout=40s", "-test.run=^TestA$/b", "-sim.histories=3"}; module != "e2e" || pkg != "./render" || !slices.Equal(flags, want) {
		t.Errorf("%q, %q, %q", module, pkg, flags)
	}
}
