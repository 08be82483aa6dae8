package settings

import (
	"slices"
	"strings"

	"github.com/mongogate/mongogate/pkg/problem"
)

// setting is one row of the table.
type setting struct {
	// name is the flag without dashes; the names of variable and YAML key follow from it.
	name string
	// short is a one-letter flag.
	short string
	// fallback is the default, as the user would write it. Empty: none, or derived, as usage says.
	fallback string
	usage    string
	// commands are the subcommands that have the flag.
	commands []string
	// oneOf are the values allowed, of a list the elements.
	oneOf []string
	// placeholder stands for the value in help texts where the type does not say enough.
	placeholder string
	// field is where the value goes; its type says how it is read.
	field func(*Settings) any
	// zero allows a duration of zero.
	zero bool
	// check refuses texts of the right type that make no sense.
	check func(text string) *problem.Problem
}

// variable is the setting's name in the environment.
func (s setting) variable() string {
	return "MONGOGATE_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// key is the setting's name in the YAML file. --config is none, for it names the file.
func (s setting) key() string {
	if s.name == "config" {
		return ""
	}
	words := strings.Split(s.name, "-")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func (s setting) secret() bool {
	_, ok := s.field(new(Settings)).(*Secret)
	return ok
}

// show makes a value of this setting fit for a message.
func (s setting) show(v string) string {
	if s.secret() {
		return redacted
	}
	return show(v)
}

// find returns the setting of that name.
func find(name string) (setting, bool) {
	i := slices.IndexFunc(table, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return table[i], true
}

// namesOf lists a name of every setting.
func namesOf(name func(setting) string) []string {
	var all []string
	for _, s := range table {
		if n := name(s); n != "" {
			all = append(all, n)
		}
	}
	return all
}
