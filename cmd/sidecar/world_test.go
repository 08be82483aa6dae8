//go:build linux

package main

import (
	"context"
	"net"
	"os/exec"
	"testing"

	"github.com/mongogate/mongogate/internal/settings"
)

// variables are all variables that a gate reads or hands to its command.
func variables() []string {
	return append(settings.Variables(), "MONGOGATE_HELD", "MONGOGATE_TOKEN", "MONGOGATE_LEASE_FILE", "MONGOGATE_DEADLINE", "MONGOGATE_HOLDER")
}

// gateCommand is the built binary with nothing in its environment but env.
func gateCommand(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, rig.binary, args...)
	cmd.Env = env
	return cmd
}

// freePort is a port of loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
