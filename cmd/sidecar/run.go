//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
)

func newRun(w world) *cobra.Command {
	return command(w, about{
		use: "run [flags] -- COMMAND [ARG...]", group: gateGroup,
		short: "Run a command only while the lock is held",
		long: `The command starts when the lock is held, under a guard that stops its whole
tree of processes if the lock is lost or this process dies. Signals, standard
input and output, the terminal and the exit code pass through. The command finds
MONGOGATE_KEY, MONGOGATE_TOKEN (the fencing token), MONGOGATE_HOLDER,
MONGOGATE_DEADLINE and MONGOGATE_LEASE_FILE in its environment, never the URI.

With --follow it runs under the lock of a sidecar that has the same state directory.`,
		examples: []string{
			"mongogate run --key reports -- make-reports                    # wait for the lock, then run",
			"mongogate run --key reports --try -- make-reports              # look once, as flock -n does",
			"mongogate run --key reports --timeout 5m -- make-reports       # wait five minutes at most",
			"mongogate run --key reports --bucket 1h -- make-reports        # once an hour, on any machine",
			"mongogate run --key reports --bucket 'cron:0 3 * * *' -- make-reports",
		},
	},
		func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() == 0 {
				if args[0] == "" {
					return usage("arguments", "the command is empty", "write it after two dashes: "+c.UseLine())
				}
				return nil
			}
			what := "there is no command to run"
			switch at := c.ArgsLenAtDash(); { // what it says is not repeated: it may be anything
			case at > 0:
				what = fmt.Sprintf("%s before the two dashes, where only flags stand", words(at))
			case len(args) > 0:
				what = fmt.Sprintf("%s, and none after two dashes: there is no command to run", words(len(args)))
			}
			return usage("arguments", what, "write it after two dashes: "+c.UseLine())
		},
		func(c *cobra.Command, s *settings.Settings, args []string) error {
			return agent.Run(c.Context(), w.World, s, args)
		})
}

func words(n int) string {
	if n == 1 {
		return "1 word"
	}
	return fmt.Sprintf("%d words", n)
}
