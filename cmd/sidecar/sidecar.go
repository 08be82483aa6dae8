//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
)

func newSidecar(w world) *cobra.Command {
	return command(w, about{
		use: "sidecar [flags]", group: gateGroup,
		short: "Hold the lock beside a workload in the same pod",
		long: `A native sidecar. Its startup probe holds the other containers back until it
holds the lock, and its readiness probe succeeds while it does. On loss it does to the workload
what --protection says. It waits without limit unless --timeout is given.`,
		examples: []string{"mongogate sidecar --key team/reports --protection kill"},
	},
		exactly(0),
		func(c *cobra.Command, s *settings.Settings, _ []string) error {
			return agent.Sidecar(c.Context(), w.World, s)
		})
}
