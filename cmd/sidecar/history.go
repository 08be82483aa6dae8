//go:build linux

package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

func newHistory(w world) *cobra.Command {
	return onKey(w, "history [KEY] [flags]", "Show the last hand-overs of a lock", "The last ten acquisitions, oldest first.",
		func(ctx context.Context, s *config.Settings, l *mongolock.Locker, key string) error {
			h, err := l.History(ctx, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, h, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "AT\tTOKEN\tOWNER\tCLUSTER\tPOD\tHOW")
				for _, e := range h {
					fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", stamp(e.At), e.Token, e.Owner, dash(e.Cluster), dash(e.Pod), e.How)
				}
			})
		})
}
