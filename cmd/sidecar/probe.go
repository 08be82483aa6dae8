//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/serve"
	"github.com/mongogate/mongogate/internal/settings"
)

// probeTimeout is below the kubelet's shortest period; its own timeout ends longer probes.
const probeTimeout = 5 * time.Second

func newProbe(w world) *cobra.Command {
	return command(w, about{
		use: "probe startup|ready|live [flags] [-- COMMAND [ARG...] | -- URL]", group: gateGroup,
		short: "Check a running gate (exec probe)",
		long: `Exit code 0 if the probe succeeds, 1 if it fails. With a command or a URL
(http, https, tcp) after two dashes, the probe succeeds while the gate waits for the lock; once
the workload runs, the probe runs the command or asks the URL: the workload's own probe.`,
		examples: []string{"mongogate probe ready"},
	},
		func(c *cobra.Command, args []string) error {
			own := args
			if at := c.ArgsLenAtDash(); at >= 0 {
				own = args[:at]
			}
			if len(own) == 1 && path(own[0]) != "" {
				return nil
			}
			return usage("arguments", "the probe is missing, or is none of startup, ready, live", "write "+c.UseLine())
		},
		func(c *cobra.Command, s *settings.Settings, args []string) error {
			return probe(c.Context(), w, s, args)
		})
}

func path(question string) string {
	return map[string]string{"startup": serve.StartupPath, "ready": serve.ReadyPath, "live": serve.LivePath}[question]
}

func probe(ctx context.Context, w world, s *settings.Settings, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	no := func(err error) error { return &agent.Exit{Code: agent.ExitFailed, Err: err} }
	if main := args[1:]; len(main) > 0 {
		// While the wrapper waits the workload does not run: its probes must not fail it for that. A candidate is
		// ready as well; asked first, for what opens between the two questions is no longer one that waits.
		yes := func(path string) bool {
			status, _, err := serve.Ask(ctx, s.ProbeAddress, path)
			return err == nil && status == http.StatusOK
		}
		if (args[0] != "ready" || yes(serve.ReadyPath)) && yes(serve.WaitingPath) {
			return nil
		}
		return askMain(ctx, w, main)
	}
	status, line, err := serve.Ask(ctx, s.ProbeAddress, path(args[0]))
	if err != nil {
		return no(err)
	}
	if status != http.StatusOK {
		return no(fmt.Errorf("%s: %s", args[0], line))
	}
	return nil
}
