//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// statusView is what status says.
type statusView struct {
	Store mongolock.StoreInfo `json:"store"`
	Lock  *lockView           `json:"lock,omitempty"`
}

func newStatus(w world) *cobra.Command {
	return command(w, about{
		use: "status [KEY] [flags]", group: viewGroup,
		short:    "Show the store, and who holds the lock",
		long:     "Shows which store this is and, if an argument or the settings name a lock, its state in the store.",
		settings: settings.View,
		examples: []string{
			"mongogate status                              # the store",
			"mongogate status reports                      # the store and one lock",
		},
	},
		atMostOneKey, func(c *cobra.Command, s *settings.Settings, args []string) error {
			key := ""
			if len(args) > 0 || s.Given("key") {
				var err error
				if key, err = keyOf(s, c.Name(), args); err != nil {
					return err
				}
			} else if r, err := s.ResolveKey(); err == nil {
				key = r.Key
			}
			l, done, err := viewer(c.Context(), s)
			if err != nil {
				return err
			}
			defer done()
			v, err := status(c.Context(), l, key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, v, func(t *table) {
				t.row("store", fmt.Sprintf("%s (%s, %s)", v.Store.Fingerprint, v.Store.Kind, v.Store.Version))
				switch {
				case key == "":
				case v.Lock == nil:
					t.row("key", key)
					t.row("state", "never held")
				default:
					showTable(t, *v.Lock)
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
	if key == "" {
		return v, nil
	}
	lock, err := look(ctx, l, key)
	switch {
	case errors.Is(err, mongolock.ErrNoLock):
		return v, nil
	case err != nil:
		return v, err
	}
	lock.History = nil // show and history have it
	v.Lock = &lock
	return v, nil
}
