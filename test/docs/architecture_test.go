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

const architecture = "docs/internals/architecture.md"

// changes are those for which somebody who has never seen the project finds the place to begin in three steps: README,
// architecture, file.
var changes = []string{ //nolint:gochecknoglobals // a table
	"the time to SIGKILL", "the message of exit code 75", "the pipeline of a release", "what a sidecar kills",
	"the chart's default ttl", "a new store", "a new setting", "a new subcommand", "a new protection", "a log message",
	"what an Event says when a run is skipped", "how the token of the Kubernetes API is read again",
}

// begins is a file that is linked, and what in it is named after the link.
var begins = regexp.MustCompile("\\]\\(\\.\\./\\.\\./([^)]+)\\):((?: `[^`]+`,?)+)")

// TestEveryChangeHasAPlaceToBegin: each file that the table names has what the table says is in it.
func TestEveryChangeHasAPlaceToBegin(t *testing.T) {
	if !strings.Contains(pageOf(t, "README.md"), "("+architecture+")") {
		t.Error("README.md does not link the architecture")
	}
	var found []string
	for _, row := range tableIn(t, pageOf(t, architecture), "## Where to begin a change", len(changes)) {
		found = append(found, row[0])
		if !begins.MatchString(row[1]) {
			t.Errorf("%s: no file is named in which to begin, and what in it", row[0])
		}
		for _, place := range begins.FindAllStringSubmatch(row[1]+" | "+row[2], -1) {
			for _, name := range strings.Split(strings.Trim(place[2], " `,"), "`, `") {
				if !declares(t, place[1], name) {
					t.Errorf("%s: %s has no %s", row[0], place[1], name)
				}
			}
		}
	}
	for _, change := range changes {
		if !slices.Contains(found, change) {
			t.Errorf("%s does not say where to begin to change %s", architecture, change)
		}
	}
}

// declares says whether a file declares a name: in Go a function, method, type, variable or constant, elsewhere a key.
func declares(t *testing.T, path, name string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Error(err)
		return false
	}
	receiver, name, method := strings.Cut(name, ".")
	if method {
		receiver = `\([a-z]* ?\*?` + receiver + `\) `
	} else {
		receiver, name = "", receiver
	}
	return regexp.MustCompile(`(?m)^(func |type |var |const |)` + receiver + name + `\b`).Match(text)
}

// TestEveryPackageIsInTheArchitecture: a new package gets its line.
func TestEveryPackageIsInTheArchitecture(t *testing.T) {
	text := must.Get(os.ReadFile(filepath.Join(root, architecture)))(t)
	n := 0
	for _, pattern := range []string{"cmd/*", "internal/*", "pkg/*", "pkg/mongolock/*", "test/*"} {
		dirs := must.Get(filepath.Glob(filepath.Join(root, pattern)))(t)
		for _, dir := range dirs {
			if files, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(files) == 0 {
				continue
			}
			rel := must.Get(filepath.Rel(root, dir))(t)
			n++
			if !strings.Contains(string(text), "(../../"+rel+")") {
				t.Errorf("%s has no line for %s", architecture, rel)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d packages were found", n)
	}
}
