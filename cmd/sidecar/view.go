//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
	"github.com/mongogate/mongogate/pkg/problem"
)

// viewer is a Locker for people: it never holds anything. A store other than
// the expected one is refused before anything is asked of it.
func viewer(ctx context.Context, s *settings.Settings) (*mongolock.Locker, func(), error) {
	l, done, err := openViewer(s)
	if err != nil {
		return nil, nil, err
	}
	if err := expected(ctx, s, l); err != nil {
		done()
		return nil, nil, err
	}
	return l, done, nil
}

// expected refuses a store that is not the one of --expect-store.
func expected(ctx context.Context, s *settings.Settings, l *mongolock.Locker) error {
	if s.ExpectStore == "" {
		return nil
	}
	store, err := l.Store(ctx)
	if err != nil {
		return err
	}
	return agent.OtherStore(s, store.Fingerprint)
}

// openViewer makes a Locker for people without a look at the store.
func openViewer(s *settings.Settings, change ...func(*mongolock.Options)) (*mongolock.Locker, func(), error) {
	if err := agent.EnoughDescriptors(); err != nil {
		return nil, nil, err
	}
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
		_ = agent.CloseLocker(l) // nothing is held
	}, nil
}

// render writes v as JSON or YAML, or as the table that rows makes.
func render(w io.Writer, format string, v any, rows func(*table)) error {
	var b []byte
	var err error
	switch format {
	case "json":
		if b, err = json.MarshalIndent(v, "", "  "); err == nil {
			b = append(printable.JSON(b), '\n')
		}
	case "yaml":
		b, err = asYAML(v)
	default:
		t := newTable()
		rows(t)
		b, err = t.bytes()
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// keyOf is the key named in the arguments of a command, or that of the settings.
func keyOf(s *settings.Settings, command string, args []string) (string, error) {
	if len(args) == 0 {
		r, err := s.ResolveKey()
		if err != nil && !s.Given("key") && s.Namespace == "" && s.Job == "" && s.Name == "" {
			return "", usage("key", "no lock is named", fmt.Sprintf("write mongogate %s KEY; mongogate list shows the keys", command))
		}
		return r.Key, err
	}
	if err := mongolock.CheckKey(args[0]); err != nil {
		var p problem.Problem
		_ = errors.As(err, &p) // as all that CheckKey says
		return "", misused(problem.Problem{Field: "key", Value: p.Value, Message: p.Message, Remedy: "name one that mongogate list shows"})
	}
	if s.OnCommandLine("key") {
		if r, err := s.ResolveKey(); err != nil || r.Key != args[0] {
			return "", usage("key", "one key is given as an argument, another one by --key", "leave one of them out")
		}
	}
	return args[0], nil
}

func atMostOneKey(c *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return usage("arguments", fmt.Sprintf("%d given, want one key at most", len(args)), "write "+c.UseLine())
}

// onKey makes a command about one lock: the one named in its arguments, or that of the settings.
func onKey(w world, a about, f func(ctx context.Context, s *settings.Settings, l *mongolock.Locker, key string) error) *cobra.Command {
	a.settings = settings.View
	return command(w, a, atMostOneKey, func(c *cobra.Command, s *settings.Settings, args []string) error {
		key, err := keyOf(s, c.Name(), args)
		if err != nil {
			return err
		}
		l, done, err := viewer(c.Context(), s)
		if err != nil {
			return err
		}
		defer done()
		return f(c.Context(), s, l, key)
	})
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
