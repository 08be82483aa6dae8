//go:build linux

package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
)

func newList(w world) *cobra.Command {
	return command(w, about{
		use: "list [PREFIX] [flags]", group: viewGroup,
		short: "List locks",
		long:  "One line per lock, sorted by key.",
		examples: []string{
			"mongogate list",
			"mongogate list team/                          # keys that begin with team/",
			"mongogate list -o json",
		},
	},
		atMostOneKey, func(c *cobra.Command, s *settings.Settings, args []string) error {
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
			return render(w.stdout, s.Output, views, func(t *table) {
				t.row("KEY", "STATE", "OWNER", "WHERE", "SINCE", "TOKEN")
				for _, v := range views {
					i := v.Info
					t.row(i.Key, who(v.State), who(i.Owner), dash(i.Where()), stamp(i.Created), strconv.FormatInt(i.Token, 10))
				}
			})
		})
}
