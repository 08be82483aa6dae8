//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

func newForceRelease(w world) *cobra.Command {
	var now, yes bool
	c := onKey(w, about{
		use: "force-release [KEY] [flags]", group: viewGroup,
		short: "Make the holder of a lock give it up",
		long: `Asks the holder: at its next renewal the holder learns that the lock is lost, stops
its workload and releases the lock. If the holder is dead, others take over after ttl + grace, as always.

With --now the lock is free at once, and TWO HOLDERS MAY RUN until the old one learns of it.`,
		examples: []string{
			"mongogate force-release reports               # ask the holder to stop",
			"mongogate force-release reports --now --yes   # free it at once: two may run",
		},
	},
		func(ctx context.Context, s *settings.Settings, l *mongolock.Locker, key string) error {
			if now && !yes {
				return usage("now", "two holders may run at once until the old one learns of it", "add --yes if that is meant")
			}
			if yes && !now {
				return usage("yes", "it only confirms --now", "leave it out")
			}
			v, err := forceRelease(ctx, w, l, key, now)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, v, func(t *table) { t.row(v.Message) })
		})
	c.Flags().BoolVar(&now, "now", false, "free the lock at once, although its holder may still run")
	c.Flags().BoolVar(&yes, "yes", false, "confirm --now")
	return c
}

// releaseView is what force-release has done.
type releaseView struct {
	Key string `json:"key"`
	// Result is asked or freed.
	Result string `json:"result"`
	// Lock is what the store says now.
	Lock    mongolock.Info `json:"lock"`
	Message string         `json:"message"`
}

func forceRelease(ctx context.Context, w world, l *mongolock.Locker, key string, now bool) (releaseView, error) {
	if now {
		if _, err := fmt.Fprintf(w.Lines, "mongogate: freeing %q at once: two holders may run until the old one learns of it\n", key); err != nil {
			return releaseView{}, err
		}
		i, err := l.ForceReleaseNow(ctx, key)
		return releaseView{Key: key, Result: "freed", Lock: i, Message: fmt.Sprintf("%q is free", key)}, err
	}
	i, err := l.Revoke(ctx, key)
	if errors.Is(err, mongolock.ErrNotHeld) && i.Done != nil {
		err = problem.Of("", err, "--now removes the record, so that the run is done again")
	}
	return releaseView{Key: key, Result: "asked", Lock: i, Message: fmt.Sprintf(
		"%s has been asked to give %q up: it does so within its heartbeat and kill budget; if it is dead, others take over after %v of silence",
		holderOf(i), key, i.TTL+i.Grace)}, err
}

// holderOf names who holds a lock, and where, if that is known.
func holderOf(i mongolock.Info) string {
	if i.Where() == "" {
		return who(i.Owner)
	}
	return fmt.Sprintf("%s (%s)", who(i.Owner), i.Where())
}
