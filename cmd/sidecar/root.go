//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/problem"
)

func newRoot(w world) *cobra.Command {
	root := &cobra.Command{
		Use:   "mongogate",
		Short: "Lets a workload run only while a lock in MongoDB is held",
		Long: `Mongogate lets a workload run only while a lock in MongoDB is held: in one
cluster, in many that share nothing but the database, or on plain machines.

Every setting is a flag, a MONGOGATE_* variable, or a line of a YAML file
(--config), in this order of precedence.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		Version:       madeWith(), // without a template: text/template would make the binary 3.5 MB larger
		Example: `  mongogate run --key reports -- make-reports     # wait for the lock, then run
  mongogate list                                  # who holds what
  mongogate doctor                                # check settings and store`,
	}
	root.AddGroup(&cobra.Group{ID: gateGroup, Title: "Gating commands:"}, &cobra.Group{ID: viewGroup, Title: "Looking and operating:"}, &cobra.Group{ID: restGroup, Title: "Other commands:"})
	root.SetHelpCommandGroupID(restGroup)
	root.SetCompletionCommandGroupID(restGroup)
	root.SetErr(w.Lines)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return settings.FlagError(c.Name(), c.Flags(), err) })
	root.AddCommand(
		newRun(w), newSidecar(w), newInit(w), newEpoch(w), newInstall(w), newProbe(w),
		newStatus(w), newList(w), newShow(w), newHistory(w), newForceRelease(w), newDoctor(w), newVersion(w),
	)
	refuseArguments(root)
	return root
}

// first refuses a command line whose command is misspelled or comes after its
// flags: cobra would only find fault with the flags.
func first(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	found, _, err := root.Find(args)
	switch {
	case strings.HasPrefix(args[0], cobra.ShellCompRequestCmd): // cobra's own, which it adds later
	case !strings.HasPrefix(args[0], "-") && (err != nil || found == root):
		return noCommand(root, args)
	case strings.HasPrefix(args[0], "--") && !slices.Contains([]string{"--help", "--version"}, args[0]):
		if at := slices.IndexFunc(args, func(a string) bool { return a == "--" || isCommand(root, a) }); at > 0 && args[at] != "--" {
			return usage("arguments", "flags stand before the command", "write mongogate "+args[at]+" and then its flags")
		}
	}
	return nil
}

func isCommand(root *cobra.Command, name string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

// refuseArguments makes cobra's own commands say in our words what is wrong with their arguments.
func refuseArguments(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				if found, _, err := root.Find(args); len(args) > 0 && (err != nil || found == root) {
					return noCommand(root, args)
				}
				return nil
			}
		case "completion":
			c.Args = func(_ *cobra.Command, args []string) error {
				if len(args) == 0 {
					return nil
				}
				return usage("arguments", "no such shell", "write mongogate completion bash, zsh, fish or powershell")
			}
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
			for _, shell := range c.Commands() {
				shell.Args = exactly(0)
			}
		}
	}
}

var plainWord = regexp.MustCompile(`^[a-z-]{1,40}$`)

// noCommand refuses what is no subcommand.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	p := problem.Problem{Message: "there is no such command", Remedy: "see mongogate --help"}
	if plainWord.MatchString(args[0]) { // anything else may be a connection string
		p.Message = "there is no command " + args[0]
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	if near := settings.Closest(args[0], names); near != "" {
		p.Remedy = "did you mean " + near + "?"
	}
	return misused(p)
}

// exactly wants n arguments, whose names stand in the command's usage line.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usage("arguments", fmt.Sprintf("%d given, want %d", len(args), n), "write "+c.UseLine())
	}
}

func usage(field, message, remedy string) error {
	return misused(problem.Problem{Field: field, Message: message, Remedy: remedy})
}

// misused is a problem of the command line.
func misused(p problem.Problem) error {
	p.Source = "command line"
	return &settings.Error{Problems: []problem.Problem{p}}
}

// command makes a subcommand whose settings are loaded before it runs.
func command(w world, a about, args cobra.PositionalArgs, f func(*cobra.Command, *settings.Settings, []string) error) *cobra.Command {
	var of string
	c := plain(a, nil, func(c *cobra.Command, args []string) error {
		s, err := settings.Load(of, c.Flags(), w.Outside)
		if err != nil {
			return err
		}
		return f(c, s, args)
	})
	of = cmp.Or(a.settings, c.Name())
	settings.Register(of, c.Flags())
	groupFlags(c)
	// Every problem is told at once: what is wrong with the arguments, and with the settings.
	c.Args = func(c *cobra.Command, given []string) error {
		err := args(c, given)
		if err == nil {
			return nil
		}
		if _, more := settings.Load(of, c.Flags(), w.Outside); more != nil {
			return merge(err, more)
		}
		return err
	}
	return c
}

func merge(errs ...error) error {
	var all settings.Error
	for _, err := range errs {
		var e *settings.Error
		if !errors.As(err, &e) {
			return errors.Join(errs...)
		}
		all.Problems = slices.Concat(all.Problems, e.Problems)
	}
	return &all
}
