package settings

import (
	"slices"

	"github.com/spf13/pflag"
)

// Group is the flags of a subcommand that belong together, for help texts.
type Group struct {
	Title string
	Flags *pflag.FlagSet
}

// chapters are the groups of the help and of the reference.
var chapters = []struct {
	title string
	rows  []setting
}{
	{"The database", storeSettings},
	{"What is locked", keySettings},
	{"Who holds it", podSettings},
	{"Timing", timingSettings},
	{"Waiting and finishing", waitSettings},
	{"When the lock is lost", lossSettings},
	{"The Kubernetes API", kubeSettings},
	{"Watching", viewSettings},
}

// common are the settings that most people need, in the order in which they meet them.
var common = []string{"key", "uri-file", "protection", "bucket", "ttl", "timeout", "try", "if-held", "on-loss", "output"}

// Groups sorts the flags of a subcommand: what most people need comes first,
// with the flags that are no settings; then the chapters of the reference.
func Groups(flags *pflag.FlagSet) []Group {
	first := Group{"Common flags", pflag.NewFlagSet("", pflag.ContinueOnError)}
	groups := []Group{first}
	taken := map[string]bool{}
	add := func(to *pflag.FlagSet, name string) {
		if f := flags.Lookup(name); f != nil && !taken[name] {
			taken[name] = true
			to.SortFlags = false
			to.AddFlag(f)
		}
	}
	for _, name := range common {
		add(first.Flags, name)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if _, setting := find(f.Name); !setting {
			add(first.Flags, f.Name)
		}
	})
	for _, c := range chapters {
		g := Group{c.title, pflag.NewFlagSet("", pflag.ContinueOnError)}
		for _, row := range c.rows {
			add(g.Flags, row.name)
		}
		groups = append(groups, g)
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return !g.Flags.HasFlags() })
}
