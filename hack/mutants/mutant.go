package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// mutant is one protection and what is left when it is taken away.
type mutant struct {
	name string
	// protects says which promise, and which point of the design's protocol (P1 to P12) or of the gate.
	protects string
	edits    edits
	// tests are arguments of go test; each of them must fail.
	tests []string
	// equivalent says why no test can tell this mutant from the real thing. Its tests must then pass.
	equivalent string
}

// take is the mutant that takes what protects something away.
func take(name, protects string, edits edits, tests ...string) mutant {
	return mutant{name: name, protects: protects, edits: edits, tests: tests}
}

// unseen is the mutant as one that no test can tell from the real thing.
func (m mutant) unseen(why string) mutant {
	m.equivalent = why
	return m
}

type edits []edit

// edit replaces old, which must occur exactly once in what is declared by a name: in a function, a Type.method, a type, a constant,
// a variable or a chart's template. The name of the package's directory stands before one that occurs in several.
type edit struct{ in, old, new string }

// result is what became of a mutant.
type result struct {
	mutant
	failed   []string // the first test that failed, per command
	survived []string // commands that did not fail
	said     strings.Builder
	err      error
	took     time.Duration
}

func (r *result) good() bool {
	if r.equivalent != "" {
		return r.err == nil && len(r.failed) == 0
	}
	return r.err == nil && len(r.survived) == 0 && len(r.failed) > 0
}

func (r *result) String() string {
	switch {
	case r.err != nil:
		return fmt.Sprintf("BROKEN    %s: %v", r.name, r.err)
	case r.equivalent != "" && r.good():
		return fmt.Sprintf("equivalent %s: %s", r.name, r.equivalent)
	case r.equivalent != "":
		return fmt.Sprintf("KILLED    %s, which is said to be equivalent, by %s", r.name, strings.Join(r.failed, ", "))
	case !r.good():
		return fmt.Sprintf("SURVIVED  %s: go test %s", r.name, strings.Join(r.survived, "; go test "))
	default:
		return fmt.Sprintf("killed    %s by %s (%v)", r.name, strings.Join(r.failed, ", "), r.took.Round(100*time.Millisecond))
	}
}

// try compiles the mutant over the files of the tree and runs its tests.
func try(ctx context.Context, tests *binaries, m mutant) *result {
	r, began := &result{mutant: m}, time.Now()
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		r.err = err
		return r
	}
	defer os.RemoveAll(dir)
	environ, err := m.environ(tests.with.sources, dir)
	if err != nil {
		r.err = err
		return r
	}
	for _, test := range m.tests {
		if r.err = tests.healthy(ctx, test); r.err != nil {
			return r
		}
		out, err := tests.meet(ctx, m, test, environ)
		fmt.Fprintf(&r.said, "go test %s\n%s\n", test, out)
		switch failed := firstFailure(out); {
		case err == nil:
			r.survived = append(r.survived, test)
		case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
			r.err = fmt.Errorf("does not compile:\n%s", head(out))
			return r
		case failed == "":
			r.err = fmt.Errorf("go test %s: %w, and no test failed:\n%s", test, err, head(out))
			return r
		default:
			r.failed = append(r.failed, failed)
		}
	}
	r.took = time.Since(began)
	return r
}

// environ prepares the mutant in dir and gives the variables by which a test meets it instead of the real thing.
func (m mutant) environ(s *sources, dir string) ([]string, error) {
	changes, err := m.changes(s)
	if err != nil {
		return nil, err
	}
	if m.aboutCharts() {
		charts, err := copied(s.root, dir, changes)
		return []string{chartsVariable + "=" + charts}, err
	}
	name, _, err := overlay(dir, mutated(changes))
	// In the environment, for tests that build the binary and run it.
	return []string{"GOFLAGS=-overlay=" + name + " " + os.Getenv("GOFLAGS")}, err
}

// changes are the mutant's edits where they belong.
func (m mutant) changes(s *sources) ([]change, error) {
	var all []change
	for _, e := range m.edits {
		c, err := s.find(e)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o change) bool { return o.file == c.file && o.from < c.to && c.from < o.to }) {
			return nil, fmt.Errorf("two edits of %s are of the same text", e.in)
		}
		all = append(all, c)
	}
	return all, nil
}

// mutated gives the changed files, by their path.
func mutated(changes []change) map[string]string {
	of, texts := map[*file][]change{}, map[string]string{}
	for _, c := range changes {
		of[c.file] = append(of[c.file], c)
	}
	for f, changes := range of {
		texts[f.path] = replaced(f.text, 0, len(f.text), changes)
	}
	return texts
}

// replaced is a part of a text with changes made in it.
func replaced(text string, from, to int, changes []change) string {
	var b strings.Builder
	for _, c := range slices.SortedFunc(slices.Values(changes), func(a, b change) int { return a.from - b.from }) {
		b.WriteString(text[from:c.from] + c.new)
		from = c.to
	}
	return b.String() + text[from:to]
}

// overlay writes the texts of files, and the JSON that puts them in place of the real ones (go help build).
func overlay(dir string, texts map[string]string) (name string, replace map[string]string, err error) {
	replace = map[string]string{}
	for path, text := range texts {
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", nil, fmt.Errorf("writing a mutant: %w", err)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, fmt.Errorf("writing a mutant: %w", err)
	}
	name = filepath.Join(dir, "overlay.json")
	return name, replace, os.WriteFile(name, b, 0o600)
}

// head is the beginning of an output.
func head(out string) string {
	lines := strings.SplitAfterN(out, "\n", 31)
	return strings.Join(lines[:min(len(lines), 30)], "")
}

// goTest is go test with these arguments. A module of its own is given first, as -C DIRECTORY.
func (b *binaries) goTest(ctx context.Context, test string, environ []string) (string, error) {
	args, rest := []string{"test"}, strings.Fields(test)
	if rest[0] == "-C" {
		args, rest = append(args, rest[:2]...), rest[2:]
	}
	args = slices.Concat(args, []string{"-count=1", "-vet=off", "-failfast", "-timeout=2m"}, rest)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return string(out), fmt.Errorf("go: %w", err)
	}
	return string(out), err
}

var (
	failure  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	timedOut = regexp.MustCompile(`(?s)panic: test timed out.*?running tests:\s+(\S+)`)
)

// firstFailure names the test that failed first, or its subtest that did; the seeds of a simulation are no names.
func firstFailure(out string) string {
	first := ""
	for _, m := range failure.FindAllStringSubmatch(out, -1) {
		switch {
		case first == "":
			first = m[1]
		case strings.HasPrefix(m[1], first+"/") && !strings.Contains(m[1], "seed="):
			return m[1]
		}
	}
	if m := timedOut.FindStringSubmatch(out); m != nil {
		return m[1] + " (does not end)"
	}
	if first == "" && strings.Contains(out, "panic: ") {
		return "a panic"
	}
	return first
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
