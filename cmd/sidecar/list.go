//go:build linux

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/config"
)

func newList(w world) *cobra.Command {
	return command(w, "list [PREFIX] [flags]", "List locks", "One line a lock, in the order of their keys.",
		atMostOneKey, func(c *cobra.Command, s *config.Settings, args []string) error {
			l, done, err := viewer(c.Context(), s)
			if err != nil {
				return err
			}
			defer done()
			prefix := ""
			if len(args) > 0 {
				prefix = args[0]
			}
			list, err := l.List(c.Context(), prefix, 0)
			if err != nil {
				return err
			}
			views, err := judged(c.Context(), l, list)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, views, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "KEY\tSTATE\tOWNER\tWHERE\tSINCE\tTOKEN")
				for _, v := range views {
					i := v.Info
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", i.Key, v.State, dash(i.Owner), dash(i.Where()), stamp(i.Created), i.Token)
				}
			})
		})
}
