//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

func newForceRelease(w world) *cobra.Command {
	var now, yes bool
	c := onKey(w, "force-release [KEY] [flags]", "Make the holder of a lock give it up",
		`The holder is asked: at its next renewal it learns that the lock is lost, stops
its workload and gives the lock back. A holder that no longer lives is taken over after its ttl + grace, as ever.

With --now the lock is free at once, and TWO HOLDERS MAY RUN until the old one learns of it.`,
		func(ctx context.Context, _ *config.Settings, l *mongolock.Locker, key string) error {
			if now && !yes {
				return usage("now", "two holders may run at once until the old one learns of it", "add --yes if that is meant")
			}
			if now {
				if _, err := fmt.Fprintf(w.stderr, "mongogate: freeing %q at once: two holders may run until the old one learns of it\n", key); err != nil {
					return err
				}
				if _, err := l.ForceReleaseNow(ctx, key); err != nil {
					return err
				}
				_, err := fmt.Fprintf(w.stdout, "%q is free\n", key)
				return err
			}
			i, err := l.Revoke(ctx, key)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.stdout, "%s (%s) has been asked to give %q up: it does so within its heartbeat and kill budget; if it is dead, others take over after %v of silence\n", i.Owner, dash(i.Where()), key, i.TTL+i.Grace)
			return err
		})
	c.Flags().BoolVar(&now, "now", false, "free the lock at once, although its holder may still run")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask back about --now")
	return c
}
