//go:build linux

package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// statusView is what status says.
type statusView struct {
	Store mongolock.Store `json:"store"`
	Lock  *mongolock.Info `json:"lock,omitempty"`
	// Left is until when the store says that it is held, from the server's own clock; for people.
	Left string `json:"left,omitempty"`
}

func newStatus(w world) *cobra.Command {
	return onKey(w, "status [KEY] [flags]", "Show the store, and who holds the lock",
		"Which store this is, and what it says of the lock that the settings name.",
		func(ctx context.Context, s *config.Settings, l *mongolock.Locker, key string) error {
			v, err := status(ctx, l, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, v, func(t *tabwriter.Writer) {
				fmt.Fprintf(t, "store\t%s (%s, %s)\n", v.Store.Fingerprint, v.Store.Kind, v.Store.Version)
				if v.Lock == nil {
					fmt.Fprintf(t, "key\t%s\nstate\tnever held\n", key)
					return
				}
				showTable(t, *v.Lock)
				if v.Left != "" {
					fmt.Fprintf(t, "left\t%s unless it is renewed\n", v.Left)
				}
			})
		})
}

func status(ctx context.Context, l *mongolock.Locker, key string) (statusView, error) {
	store, err := l.Store(ctx)
	if err != nil {
		return statusView{}, err
	}
	v := statusView{Store: store}
	list, err := l.List(ctx, key, 1)
	if err != nil || len(list) == 0 || list[0].Key != key {
		return v, err
	}
	v.Lock = &list[0]
	if v.Lock.State == "held" && !v.Lock.Expire.IsZero() {
		now, err := l.ServerTime(ctx)
		if err != nil {
			return v, err
		}
		v.Left = max(0, v.Lock.Expire.Sub(now)).Round(time.Second).String()
	}
	return v, nil
}
