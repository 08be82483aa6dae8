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

// The groups of commands in the help of the program.
const (
	gateGroup = "gate"
	viewGroup = "view"
	restGroup = "rest"
)

// about is what a command says of itself.
type about struct {
	use, short, long string
	// group is where the program's help lists it.
	group string
	// examples are what people type; a test runs each.
	examples []string
	// settings names the command whose settings it has; empty for its own.
	settings string
}

// plain makes a subcommand without settings.
func plain(a about, args cobra.PositionalArgs, f func(*cobra.Command, []string) error) *cobra.Command {
	c := &cobra.Command{Use: a.use, Short: a.short, Long: a.short + ".", GroupID: a.group, Args: args, RunE: f}
	if a.long != "" {
		c.Long += "\n\n" + a.long
	}
	if len(a.examples) > 0 {
		c.Example = "  " + strings.Join(a.examples, "\n  ")
	}
	return c
}
