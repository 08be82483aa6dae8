package settings

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Register adds the flags of a subcommand. They hold whatever text is given:
// Load reads it, so that all problems come at once and by the same rules as
// those of variables and files.
func Register(cmd string, flags *pflag.FlagSet) {
	for _, row := range table {
		if !row.has(cmd) {
			continue
		}
		f := flags.VarPF(&given{kind: row.kind()}, row.name, row.short, row.usage)
		f.DefValue = row.fallback
		if f.DefValue == "false" {
			f.DefValue = "" // not worth a word in the help text
		}
		if row.kind() == "bool" {
			f.NoOptDefVal = "true"
		}
	}
}

// given is a flag's text. A list adds up, of everything else the last one counts.
type given struct {
	kind string
	text string
}

func (g *given) String() string { return g.text }
func (g *given) Type() string   { return g.kind }

func (g *given) Set(text string) error {
	if g.kind == "list" && g.text != "" {
		text = g.text + "," + text
	}
	g.text = text
	return nil
}

// kind names the type for help texts and for the reference.
func (row setting) kind() string {
	if row.placeholder != "" {
		return row.placeholder
	}
	if len(row.oneOf) != 0 {
		return strings.Join(row.oneOf, "|")
	}
	switch row.field(new(Settings)).(type) {
	case *bool:
		return "bool"
	case *time.Duration:
		return "duration"
	case *bucket.Spec, **bucket.Template, **time.Location:
		panic("setting " + row.name + " needs a placeholder")
	default:
		return "text"
	}
}

// FlagError makes an [*Error] of what pflag says about a command line. pflag
// repeats what it was given, which may be a connection string; this does not.
func FlagError(cmd string, flags *pflag.FlagSet, err error) error {
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	const help = "see --help"
	p := problem.Problem{Source: "command line", Message: "the flags cannot be read", Remedy: help}
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		p = unknownFlag(cmd, flags, unknown)
	case errors.As(err, &bare):
		p.Field, p.Message, p.Remedy = bare.GetFlag().Name, "the flag needs a value", "write --"+bare.GetFlag().Name+"=VALUE"
	case errors.As(err, &invalid): // of a flag that the table does not know
		p.Field, p.Message, p.Remedy = invalid.GetFlag().Name, "not a value of the type "+invalid.GetFlag().Value.Type(), help
	case errors.As(err, &syntax):
		p.Message, p.Remedy = "a flag has no name", "write --NAME=VALUE"
	}
	return &Error{Problems: []problem.Problem{p}}
}

func unknownFlag(cmd string, flags *pflag.FlagSet, unknown *pflag.NotExistError) problem.Problem {
	name := unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		return problem.Problem{Source: "command line", Message: "there is no flag of the letter " + showName(name[:1]), Remedy: "write long names with two dashes; see --help"}
	}
	p := problem.Problem{Source: "command line", Message: "there is no flag " + showFlag(name)}
	if row, ok := find(name); ok {
		p.Field, p.Message = name, "not a flag of "+cmd
		p.Remedy = "leave it out, it is one of " + strings.ReplaceAll(strings.Join(row.commands, ", "), View, "show")
		return p
	}
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if p.Remedy = didYouMean(name, "--", names); p.Remedy == "" {
		p.Remedy = "see --help"
	}
	return p
}

// showFlag is the flag as it would be written, or why it is not shown.
func showFlag(name string) string {
	if shown := showName(name); shown == name {
		return "--" + name
	}
	return "of " + showName(name)
}
