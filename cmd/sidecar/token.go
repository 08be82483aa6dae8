//go:build linux

package main

import (
	"context"
	"strconv"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/spf13/cobra"
)

func newToken(w world) *cobra.Command {
	return onKey(w, about{
		use: "token [KEY] [flags]", group: viewGroup,
		short:    "Show the last fencing token of a lock",
		long:     "What is written with a smaller one was written by an earlier holder.",
		examples: []string{"mongogate token reports"},
	},
		func(ctx context.Context, s *settings.Settings, l *mongolock.Locker, key string) error {
			i, err := l.Info(ctx, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, map[string]int64{"token": i.Token}, func(t *table) { t.row(strconv.FormatInt(i.Token, 10)) })
		})
}
