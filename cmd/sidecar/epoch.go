//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/problem"
)

func newEpoch(w world) *cobra.Command {
	return command(w, about{
		use: "epoch [flags]", group: gateGroup,
		short: "Detect a kubelet that ignored the restart",
		long: `For the first init container of the pod, a plain one, with the state volume of
the sidecar. It runs only when all containers restart: a sidecar with --protection restart that comes
back in the same epoch knows that the kubelet ignored the restart. It needs no database.`,
		examples: []string{"mongogate epoch                               # the first init container, under --protection restart"},
	},
		exactly(0),
		func(_ *cobra.Command, s *settings.Settings, _ []string) error {
			name, err := statedir.BeginEpoch(s.StateDir)
			if err != nil {
				return &agent.Exit{Code: agent.ExitMachine, Err: problem.Of("state-dir", fmt.Errorf("beginning an epoch: %w", err), "mount the sidecar's state volume here, and name it with --state-dir")}
			}
			_, err = fmt.Fprintln(w.stdout, name)
			return err
		})
}
