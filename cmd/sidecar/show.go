//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

func newShow(w world) *cobra.Command {
	return onKey(w, about{
		use: "show [KEY] [flags]", group: viewGroup,
		short:    "Show one lock",
		long:     "Everything that the store knows about a lock; exit code 77 if there is no such lock.",
		examples: []string{"mongogate show reports"},
	},
		func(ctx context.Context, s *settings.Settings, l *mongolock.Locker, key string) error {
			i, err := look(ctx, l, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, i, func(t *table) { showTable(t, i) })
		})
}

func showTable(t *table, v lockView) {
	i := v.Info
	row := func(name, value string) {
		if value != "" && value != "-" {
			t.row(name, value)
		}
	}
	row("key", i.Key)
	row("state", who(v.State)+v.meaning())
	row("owner", who(i.Owner))
	row("where", i.Where())
	row("since", stamp(i.Created))
	row("last renewal", stamp(i.Touched))
	if i.State == "held" {
		if i.TTL > 0 {
			row("ttl", i.TTL.String())
		}
		row("expires", stamp(i.Expire))
		if v.Left != "" {
			row("left", v.Left+" unless it is renewed")
		}
		row("silent for", v.SilentFor)
	}
	row("token", strconv.FormatInt(i.Token, 10))
	if i.Revoked {
		row("revoked", "yes: the holder has been asked to give it up")
	}
	if d := i.Done; d != nil {
		row("done", who(d.Outcome)+" by "+who(d.By)+" at "+stamp(d.At))
	}
	row("removed after", stamp(i.PurgeAt))
	for _, h := range i.History {
		row("history", fmt.Sprintf("%s  token %d  %s  %s", stamp(h.At), h.Token, who(h.Owner), who(h.How)))
	}
}
