//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
)

func newInit(w world) *cobra.Command {
	return command(w, about{
		use: "init [flags]", group: gateGroup,
		short: "Block until the lock is held, then leave it to a sidecar",
		long: `For an init container: it exits with code 0 as soon as it holds the lock. A
sidecar of the same pod with the same state directory must adopt the lease before it expires.
Alone, init protects nothing after ttl + grace.`,
		examples: []string{"mongogate init --key team/reports"},
	},
		exactly(0),
		func(c *cobra.Command, s *settings.Settings, _ []string) error {
			return agent.Init(c.Context(), w.World, s)
		})
}
