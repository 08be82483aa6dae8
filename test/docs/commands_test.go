//go:build linux

package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// TestShellBlocks runs every marked block as it stands. Those of one page share a database and a directory.
func TestShellBlocks(t *testing.T) {
	for name, blocks := range marked(t, "test", "sh", 8) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, name)
			for _, b := range blocks {
				said, code := p.run(t, "bash", "-euo", "pipefail", "-c", b.text)
				b.check(t, name, said, code)
			}
		})
	}
}

func (b block) check(t *testing.T, name, said string, code int) {
	t.Helper()
	if code != 0 {
		t.Errorf("%s:%d: exit code %d\n%s", name, b.line, code, said)
	}
	for _, want := range b.output {
		if !strings.Contains(said, want) {
			t.Errorf("%s:%d: the output has no %q:\n%s", name, b.line, want, said)
		}
	}
	for _, bad := range b.noOutput {
		if strings.Contains(said, bad) {
			t.Errorf("%s:%d: the output has %q:\n%s", name, b.line, bad, said)
		}
	}
}

// TestGoBlocks compiles and runs every marked program.
func TestGoBlocks(t *testing.T) {
	for name, blocks := range marked(t, "test", "go", 1) {
		for _, b := range blocks {
			t.Run(fmt.Sprintf("%s:%d", name, b.line), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, name)
				base := must.Get(filepath.Abs(root))(t)
				// The program stands in a directory of the module that is not there on the disk.
				source, overlay := filepath.Join(p.dir, "main.go"), filepath.Join(p.dir, "overlay.json")
				replace := must.Get(json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(base, "test/docs/snippet/main.go"): source}}))(t)
				for path, text := range map[string][]byte{source: []byte(b.text), overlay: replace} {
					must.Do(t, os.WriteFile(path, text, 0o600))
				}
				program := filepath.Join(p.dir, "snippet")
				at := place{dir: base, env: p.env}
				if said, code := at.run(t, "go", "build", "-overlay", overlay, "-o", program, "./test/docs/snippet"); code != 0 {
					t.Fatalf("it does not build:\n%s", said)
				}
				said, code := p.run(t, program)
				b.check(t, name, said, code)
			})
		}
	}
}
