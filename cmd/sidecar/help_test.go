//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/must"
)

// TestExamplesOfHelpAreRight: a shell and the program accept every example of a help text; each command has one.
func TestExamplesOfHelpAreRight(t *testing.T) {
	out := settings.Outside{
		Environ:  []string{"MONGOGATE_URI=mongodb://127.0.0.1:1/", "MONGOGATE_STATE_DIR=" + t.TempDir(), "MONGOGATE_TTL=60s"},
		ReadFile: os.ReadFile, Hostname: "host", Now: time.Now(),
	}
	tried := 0
	for _, c := range newRoot(world{World: agent.World{Outside: out}, stderr: os.Stderr}).Commands() {
		switch c.Name() {
		case "help", "completion", "version":
			continue
		}
		lines := strings.Split(c.Example, "\n")
		if c.Example == "" {
			t.Errorf("%s has no example", c.Name())
		}
		for _, line := range lines {
			words, err := exec.CommandContext(t.Context(), "sh", "-c", `mongogate() { printf '%s\n' "$@"; }; `+line).Output()
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			args := strings.Split(strings.TrimSuffix(string(words), "\n"), "\n")
			root := newRoot(world{World: agent.World{Outside: out}, stderr: os.Stderr})
			found, rest, err := root.Find(args)
			if err != nil || found.Name() != c.Name() {
				t.Errorf("%s: of %s, stands under %s (%v)", line, found.Name(), c.Name(), err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if found.Flags().Lookup("config") != nil {
				if _, err := settings.Load(found.Name(), found.Flags(), out); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
			tried++
		}
	}
	fmt.Printf("cases: %d examples of help texts\n", tried)
	if tried < 15 {
		t.Errorf("%d examples, want at least 15", tried)
	}
}

// TestCommandsAreDocumented: the table of commands is what the commands say of themselves.
func TestCommandsAreDocumented(t *testing.T) {
	const page, head = "../../docs/use/command-line.md", "| command | |\n|---|---|\n"
	var rows strings.Builder
	root := newRoot(world{stderr: os.Stderr})
	place := func(c *cobra.Command) int {
		return slices.IndexFunc(root.Groups(), func(g *cobra.Group) bool { return g.ID == c.GroupID })
	}
	commands := slices.Clone(root.Commands())
	slices.SortStableFunc(commands, func(a, b *cobra.Command) int { return place(a) - place(b) })
	for _, c := range commands {
		if c.Name() != "help" {
			fmt.Fprintf(&rows, "| `mongogate %s` | %s |\n", strings.ReplaceAll(strings.ReplaceAll(c.Use, " [flags]", ""), "|", `\|`), c.Short)
		}
	}
	is := string(must.Get(os.ReadFile(page))(t))
	before, after, found := strings.Cut(is, head)
	_, after, _ = strings.Cut("\n"+after, "\n\n")
	if !found {
		t.Fatalf("%s has no table of commands", page)
	}
	want := before + head + rows.String() + "\n" + after
	if *update {
		must.Do(t, os.WriteFile(page, []byte(want), 0o644))
	} else if is != want {
		t.Errorf("%s does not have what the commands say; run go test ./cmd/sidecar -run TestCommandsAreDocumented -update", page)
	}
}
