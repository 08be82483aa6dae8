//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mongogate/mongogate/test/must"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// fewestScripts: a directory that is empty, or is not found, is no success.
const fewestScripts = 21

// TestScripts runs testdata/*.txt through the built binary. Besides the
// commands of testscript they have those of scriptcmds_test.go.
func TestScripts(t *testing.T) {
	scripts := must.Get(filepath.Glob("testdata/*.txt"))(t)
	if len(scripts) < fewestScripts {
		t.Fatalf("%d scripts, want at least %d", len(scripts), fewestScripts)
	}
	fmt.Printf("cases: %d scripts of the command line\n", len(scripts))
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		UpdateScripts:      *update,
		RequireUniqueNames: true,
		Cmds:               scriptCommands(),
		Setup: func(e *testscript.Env) error {
			name := strings.TrimPrefix(filepath.Base(e.WorkDir), "script-")
			for k, v := range map[string]string{
				"PATH":                    filepath.Dir(rig.binary) + ":" + os.Getenv("PATH"),
				"DATABASE":                "cli_" + name,
				"URI":                     rig.server.URI,
				"MONGOGATE_URI":           rig.server.URI,
				"MONGOGATE_DATABASE":      "cli_" + name,
				"MONGOGATE_STATE_DIR":     filepath.Join(e.WorkDir, "state"),
				"MONGOGATE_POLL_INTERVAL": "100ms",
				"MONGOGATE_OWNER":         "tester",
			} {
				e.Setenv(k, v)
			}
			e.Values[processes{}] = map[string]*process{}
			e.Defer(func() { dropDatabase(t, "cli_"+name) })
			return nil
		},
	})
}
