//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// viewer is a Locker for people: it never holds anything.
func viewer(s *config.Settings, change ...func(*mongolock.Options)) (*mongolock.Locker, func(), error) {
	t := mongolock.Timing{Operation: s.OperationTimeout}.WithDefaults()
	if s.OperationTimeout > t.TTL/4 {
		t = mongolock.Timing{TTL: 5 * s.OperationTimeout}.WithDefaults()
	}
	o := mongolock.Options{Database: s.Database, Collection: s.Collection, Owner: "mongogate", Timing: t}
	for _, c := range change {
		c(&o)
	}
	l, err := mongolock.Connect(s.URI.Reveal(), o)
	if err != nil {
		return nil, nil, err
	}
	return l, func() {
		_ = closeLocker(l) // nothing is held
	}, nil
}

// closeLocker ends a client, or leaves that to the end of the process: the driver
// (2.9.3) now and then waits for its monitor of a server to come back from a
// call of up to 10 s, whatever it is told.
func closeLocker(l *mongolock.Locker) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- l.Close(ctx) }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// render writes v as JSON or YAML, or as the table that rows makes.
func render(w io.Writer, format string, v any, rows func(*tabwriter.Writer)) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		// By way of JSON, so that both have the same names.
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		var plain any
		if err := yaml.Unmarshal(b, &plain); err != nil {
			return err
		}
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		return e.Encode(plain)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(t)
	return t.Flush()
}

// keyOf is the key named in the arguments, or that of the settings.
func keyOf(s *config.Settings, args []string) (string, error) {
	if len(args) > 0 {
		if err := mongolock.CheckKey(args[0]); err != nil {
			return "", usage("key", strings.TrimPrefix(err.Error(), mongolock.ErrConfig.Error()+": "), "name one that mongogate list shows")
		}
		return args[0], nil
	}
	r, err := s.ResolveKey()
	return r.Key, err
}

func atMostOneKey(c *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return usage("arguments", fmt.Sprintf("%d given, want one key at most", len(args)), "write "+c.UseLine())
}

func newList(w world) *cobra.Command {
	return command(w, "list [PREFIX] [flags]", "List locks", "One line a lock, in the order of their keys.",
		atMostOneKey, func(c *cobra.Command, s *config.Settings, args []string) error {
			l, done, err := viewer(s)
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
			if list == nil {
				list = []mongolock.Info{}
			}
			return render(w.stdout, s.Output, list, func(t *tabwriter.Writer) {
				fmt.Fprintln(t, "KEY\tSTATE\tOWNER\tWHERE\tSINCE\tTOKEN")
				for _, i := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", i.Key, i.State, dash(i.Owner), dash(i.Where()), stamp(i.Created), i.Token)
				}
			})
		})
}

func newShow(w world) *cobra.Command {
	return command(w, "show [KEY] [flags]", "Show one lock", "All that the store says of a lock; exit code 77 where there is none.",
		atMostOneKey, func(c *cobra.Command, s *config.Settings, args []string) error {
			key, err := keyOf(s, args)
			if err != nil {
				return err
			}
			l, done, err := viewer(s)
			if err != nil {
				return err
			}
			defer done()
			i, err := l.Info(c.Context(), key)
			if err != nil {
				return err
			}
			return render(w.stdout, s.Output, i, func(t *tabwriter.Writer) { showTable(t, i) })
		})
}

func showTable(t io.Writer, i mongolock.Info) {
	row := func(name, value string) {
		if value != "" && value != "-" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("key", i.Key)
	row("state", i.State)
	row("owner", i.Owner)
	row("where", i.Where())
	row("since", stamp(i.Created))
	row("last renewal", stamp(i.Touched))
	if i.State == "held" {
		row("ttl", i.TTL.String())
		row("expires", stamp(i.Expire))
	}
	row("token", strconv.FormatInt(i.Token, 10))
	if i.Revoked {
		row("revoked", "yes: the holder has been asked to give it up")
	}
	if d := i.Done; d != nil {
		row("done", d.Outcome+" by "+d.By+" at "+stamp(d.At))
	}
	row("removed after", stamp(i.PurgeAt))
	for _, h := range i.History {
		row("history", fmt.Sprintf("%s  token %d  %s  %s", stamp(h.At), h.Token, h.Owner, h.How))
	}
}

func newHistory(w world) *cobra.Command {
	return command(w, "history [KEY] [flags]", "Show the last hand-overs of a lock", "The last ten acquisitions, oldest first.",
		atMostOneKey, func(c *cobra.Command, s *config.Settings, args []string) error {
			key, err := keyOf(s, args)
			if err != nil {
				return err
			}
			l, done, err := viewer(s)
			if err != nil {
				return err
			}
			defer done()
			h, err := l.History(c.Context(), key)
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

// statusView is what status says.
type statusView struct {
	Store mongolock.Store `json:"store"`
	Lock  *mongolock.Info `json:"lock,omitempty"`
	// Left is until when the store says that it is held, from the server's own clock; for people.
	Left string `json:"left,omitempty"`
}

func newStatus(w world) *cobra.Command {
	return command(w, "status [KEY] [flags]", "Show the store, and who holds the lock",
		"Which store this is, and what it says of the lock that the settings name.",
		atMostOneKey, func(c *cobra.Command, s *config.Settings, args []string) error {
			key, err := keyOf(s, args)
			if err != nil {
				return err
			}
			l, done, err := viewer(s)
			if err != nil {
				return err
			}
			defer done()
			v, err := status(c.Context(), l, key)
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

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
