package settings

import (
	"fmt"
	"strings"
)

const preface = `# Settings

<!-- Generated from the table in internal/settings: go test ./internal/settings -run Reference -update -->

Every setting is a flag, a variable, and a key of the YAML file that ` + "`--config`" + ` names.
The flag wins over the variable, the variable over the file, the file over what Kubernetes tells the pod, and that over the
default. ` + "`mongogate doctor`" + ` prints each value and where it came from. An empty variable counts as not set.

The variable is the flag in capitals behind ` + "`MONGOGATE_`" + `, with underscores: ` + "`--kill-budget`, `MONGOGATE_KILL_BUDGET`" + `. The key is
the flag in camel case: ` + "`killBudget`" + `. Durations have a unit: 500ms, 30s, 1h, 7d. Items of a list are separated by commas; in the file a list can also be ` + "`[a, b]`" + `.

Unknown variables that begin with ` + "`MONGOGATE_`" + ` and unknown keys of the file are errors, and so is a password in a
flag: a connection string with a password comes from the variable, from ` + "`--uri-file`" + ` or from the YAML file.

The command of ` + "`run`" + ` inherits no setting. It finds ` + "`MONGOGATE_KEY`, `MONGOGATE_TOKEN`, `MONGOGATE_DEADLINE`, `MONGOGATE_HOLDER` and `MONGOGATE_LEASE_FILE`" + `
of the lock it runs under, and in ` + "`MONGOGATE_HELD`" + ` every key that the runs around it hold, one per line. A ` + "`mongogate run`" + ` inside
another one does not inherit its parent's key, and is refused if it asks for a key that a run around it holds.

In the last column "view" stands for every command that looks at one lock, such as ` + "`show`" + `.
`

// markdown is the reference of settings, docs/use/settings.md.
func markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n## %s\n\n| flag, variable, key | value | default | what it does | for |\n|---|---|---|---|---|\n", c.title)
		for _, row := range c.rows {
			names := "`--" + row.name + "`"
			if row.short != "" {
				names += " `-" + row.short + "`"
			}
			names += "<br>`" + row.variable() + "`"
			if row.key() != "" {
				names += "<br>`" + row.key() + "`"
			}
			fallback := ""
			if row.fallback != "" {
				fallback = "`" + row.fallback + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", names, cell(row.kind()), fallback, cell(row.usage), row.who())
		}
	}
	return b.String()
}

// who lists the subcommands, or says all where none is left out.
func (row setting) who() string {
	if len(row.commands) == len(every) {
		return "all"
	}
	return strings.Join(row.commands, ", ")
}

func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;", "{{", "`{{", "}}", "}}`").Replace(text)
}
