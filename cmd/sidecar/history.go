//go:build linux

package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

func newHistory(w world) *cobra.Command {
	return onKey(w, about{
		use: "history [KEY] [flags]", group: viewGroup,
		short:    "Show the last hand-overs of a lock",
		long:     "The last ten acquisitions, oldest first.",
		examples: []string{"mongogate history reports"},
	},
		func(ctx context.Context, s *settings.Settings, l *mongolock.Locker, key string) error {
			h, err := l.History(ctx, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, h, func(t *table) {
				t.row("AT", "TOKEN", "OWNER", "CLUSTER", "POD", "HOW")
				for _, e := range h {
					t.row(stamp(e.At), strconv.FormatInt(e.Token, 10), who(e.Owner), who(e.Cluster), who(e.Pod), who(e.How))
				}
			})
		})
}
