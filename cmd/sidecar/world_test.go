//go:build linux

package main

import (
	"context"
	"os/exec"

	"github.com/mongogate/mongogate/internal/config"
)

// variables are all variables that a gate reads or hands to its command.
func variables() []string {
	return append(config.Variables(), "MONGOGATE_HELD", "MONGOGATE_TOKEN", "MONGOGATE_LEASE_FILE", "MONGOGATE_DEADLINE", "MONGOGATE_HOLDER")
}

// gateCommand is the built binary with nothing in its environment but env.
func gateCommand(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, rig.binary, args...) //nolint:gosec // our own
	cmd.Env = env
	return cmd
}
