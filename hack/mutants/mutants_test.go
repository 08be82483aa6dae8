package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMutantsFit finds a mutant whose text is gone when the text goes, not when somebody next runs them all.
func TestMutantsFit(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from, err := readSources(root)
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
		if _, err := m.environ(from, t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		for _, test := range m.tests {
			module, pkg, flags := parts(test)
			i := slices.IndexFunc(flags, func(f string) bool { return strings.HasPrefix(f, "-test.run=") })
			if dir := filepath.Join(root, module, pkg); i >= 0 && !declares(t, dir, strings.TrimPrefix(flags[i], "-test.run=")) {
				t.Errorf("%s: no test there: %s", m.name, test)
			}
		}
	}
}

// declares is true if one of the tests of a directory has a name that -run takes.
func declares(t *testing.T, dir, run string) bool {
	t.Helper()
	name, _, _ := strings.Cut(run, "/")
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			if regexp.MustCompile(name).MatchString(m[1]) {
				return true
			}
		}
	}
	return false
}

// TestPlaces is about what a declaration may become without a mutant that loses its place.
func TestPlaces(t *testing.T) {
	const text = `func f() {
	// if x {
	if x { // why
		return g(a,
			b,
		)
	}
	y()

	/* y() */
	z("if x {")
}`
	d := decl{&file{text: text, pkg: "p"}, 0, len(text), nil}
	for old, want := range map[string]int{
		"if x {": 1, "if x { return g(a, b) }; y(); z": 1, "g(a,b)": 1, "y(); z": 1, "(": 4, "i": 0, "": 0,
	} {
		if got := d.places(old); len(got) != want {
			t.Errorf("%q is there %d times, want %d", old, len(got), want)
		}
	}
	if at := d.places("b) }"); replaced(text, 0, len(text), []change{{d, at[0][0], at[0][1], "c)"}}) != strings.Replace(text, "b,\n\t\t)\n\t}", "c)", 1) {
		t.Errorf("another place: %v", at)
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
