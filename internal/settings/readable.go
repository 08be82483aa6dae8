package settings

import (
	"io"
	"reflect"

	"github.com/spf13/pflag"
)

// Readable are the settings of a subcommand as far as they can be read, for who has to act although they are wrong: what is
// wrong has its default, and of a list the words that are right count. A key that does not come out is empty.
func Readable(cmd string, args []string, out Outside) *Settings {
	flags := pflag.NewFlagSet(cmd, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	Register(cmd, flags)
	_ = flags.Parse(args) // what comes after a flag without its value is lost
	s, bad, _ := load(cmd, flags, out)
	for _, row := range table {
		if bad[row.name] && row.fallback != "" && reflect.ValueOf(row.field(s)).Elem().IsZero() {
			_ = row.set(s, row.fallback)
		}
	}
	if s.StateDir == "" {
		s.StateDir = stateDirectory(out.Environ, out.UID)
	}
	return s
}
