package mongolock

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// TestProtocolDocumentNamesItsTests holds docs/internals/protocol.md and docs/use/python.md
// against the code: every test that they name is there, every test that is named
// for a point is in the point's section, and every point has one.
func TestProtocolDocumentNamesItsTests(t *testing.T) {
	read := func(pattern string) string {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		var all strings.Builder
		for _, f := range files {
			text := must.Get(os.ReadFile(f))(t)
			all.Write(text)
		}
		return all.String()
	}
	names := func(text, pattern string) []string {
		var out []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	ours := names(read("*_test.go"), `(?m)^func (TestP\d+_\w+)\(`)
	suite := names(read("locktest/*.go"), `name: "(P\d+_\w+)"`)
	interop := names(read("../../test/interop/*_test.go"), `(?m)^func (Test\w+)\(`)
	protocol := read("../../docs/internals/protocol.md")

	for point := 1; point <= 12; point++ {
		_, section, ok := strings.Cut(protocol, fmt.Sprintf("\n## P%d ", point))
		section, _, _ = strings.Cut(section, "\n## ")
		if !ok {
			t.Errorf("P%d has no section", point)
		}
		for _, part := range []string{"**Rule.**", "**Prevents.**", "**Code.**", "**Tests.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("P%d has no %s", point, part)
			}
		}
		prefix, shown := fmt.Sprintf("P%d_", point), 0
		for _, name := range append(slices.Clone(ours), suite...) {
			if !strings.HasPrefix(strings.TrimPrefix(name, "Test"), prefix) {
				continue
			}
			shown++
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("P%d does not name %s", point, name)
			}
		}
		if shown == 0 {
			t.Errorf("P%d has no test", point)
		}
	}
	for _, name := range names(protocol, "`((?:Test)?P\\d+_\\w+)`") {
		if !slices.Contains(ours, name) && !slices.Contains(suite, name) {
			t.Errorf("protocol.md names %s, which is not there", name)
		}
	}
	python := names(read("../../docs/use/python.md"), "`(Test\\w+)`")
	for _, name := range python {
		if !slices.Contains(interop, name) {
			t.Errorf("python.md names %s, which is not there", name)
		}
	}
	for _, name := range interop {
		if name != "TestMain" && !slices.Contains(python, name) {
			t.Errorf("python.md does not name %s", name)
		}
	}
}
