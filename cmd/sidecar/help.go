//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
)

// helpWidth is the longest line of a help text.
const helpWidth = 100

// groupFlags makes a command's usage text list its flags in groups, the common ones first.
func groupFlags(c *cobra.Command) {
	c.SetUsageFunc(func(c *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
		if c.HasExample() {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
		}
		c.InitDefaultHelpFlag()
		for _, g := range settings.Groups(c.Flags()) {
			fmt.Fprintf(&b, "\n%s:\n%s", g.Title, g.Flags.FlagUsagesWrapped(helpWidth))
		}
		_, err := fmt.Fprint(c.OutOrStderr(), b.String())
		return err
	})
}

// examples are what people type, by command; a test runs each.
var examples = map[string][]string{
	"run": {
		"mongogate run --key reports -- make-reports                    # wait for the lock, then run",
		"mongogate run --key reports --try -- make-reports              # look once, as flock -n does",
		"mongogate run --key reports --timeout 5m -- make-reports       # wait five minutes at most",
		"mongogate run --key reports --bucket 1h -- make-reports        # once an hour, on any machine",
		"mongogate run --key reports --bucket 'cron:0 3 * * *' -- make-reports",
	},
	"sidecar":       {"mongogate sidecar --key team/reports --protection kill"},
	"init":          {"mongogate init --key team/reports"},
	"epoch":         {"mongogate epoch                               # the first init container, under --protection restart"},
	"install":       {"mongogate install /opt/mongogate"},
	"probe":         {"mongogate probe ready"},
	"status":        {"mongogate status                              # the store", "mongogate status reports                      # the store and one lock"},
	"list":          {"mongogate list", "mongogate list team/                          # keys that begin with team/", "mongogate list -o json"},
	"show":          {"mongogate show reports"},
	"history":       {"mongogate history reports"},
	"force-release": {"mongogate force-release reports               # ask the holder to stop", "mongogate force-release reports --now --yes   # free it at once: two may run"},
	"doctor":        {"mongogate doctor --ttl 60s", "mongogate doctor --create-index"},
}

// The groups of commands in the help of the program.
const (
	gateGroup = "gate"
	viewGroup = "view"
	restGroup = "rest"
)

func groupOf(name string) string {
	switch name {
	case "run", "sidecar", "init", "epoch", "install", "probe":
		return gateGroup
	case "version":
		return restGroup
	}
	return viewGroup
}

func exampleOf(name string) string {
	lines := examples[name]
	if len(lines) == 0 {
		return ""
	}
	return "  " + strings.Join(lines, "\n  ")
}
