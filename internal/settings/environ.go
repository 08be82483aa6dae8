package settings

import (
	"regexp"
	"slices"
	"strings"

	"github.com/mongogate/mongogate/pkg/problem"
)

// A gated command finds its lock in MONGOGATE_KEY, MONGOGATE_TOKEN,
// MONGOGATE_DEADLINE, MONGOGATE_HOLDER and MONGOGATE_LEASE_FILE, and in
// MONGOGATE_HELD every key that is held around it, one a line.
//
// MONGOGATE_KEY is a setting too. So that a gate started by a gated command
// does not take its parent's key by accident, and wait for its parent forever:
//   - a gated command inherits no setting of its gate ([Variables] is what is taken out);
//   - a MONGOGATE_KEY that is one of MONGOGATE_HELD is the parent's grant and no setting;
//   - a key that comes to be one of MONGOGATE_HELD in any other way is refused.
const (
	heldVariable  = "MONGOGATE_HELD"
	tokenVariable = "MONGOGATE_TOKEN"
	keyVariable   = "MONGOGATE_KEY"
	prefix        = "MONGOGATE_"
)

// strangers are variables of ours that are no settings: what a gated command is
// told, and what the tests and scripts of the project read.
var strangers = []string{
	tokenVariable, "MONGOGATE_DEADLINE", "MONGOGATE_HOLDER", "MONGOGATE_LEASE_FILE", heldVariable,
	"MONGOGATE_TEST_URI", "MONGOGATE_MONGOD", "MONGOGATE_CACHE",
}

// Kubernetes gives every container the address of each Service of its
// namespace, and one may be named mongogate or mongogate-something: makeEnvVariableName
// and makeLinkVariables in kubernetes/pkg/kubelet/envvars.
var (
	serviceLink    = regexp.MustCompile(`^MONGOGATE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$`)
	serviceAddress = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// Variables are the names of all settings in the environment. They are taken
// out of a gated command's environment.
func Variables() []string { return namesOf(setting.variable) }

func variableTail(row setting) string { return strings.TrimPrefix(row.variable(), prefix) }

// Held is the assignment MONGOGATE_HELD=… for the environment of a gated
// command: the keys that it runs under, and those that its gate runs under.
func Held(environ []string, keys ...string) string {
	all := heldKeys(environ)
	for _, k := range keys {
		if k != "" && !slices.Contains(all, k) {
			all = append(all, k)
		}
	}
	return heldVariable + "=" + strings.Join(all, "\n")
}

// heldKeys are the keys that are held around this process.
func heldKeys(environ []string) []string {
	if held := lookup(environ, heldVariable); held != "" {
		return strings.Split(held, "\n")
	}
	if key := lookup(environ, keyVariable); key != "" && lookup(environ, tokenVariable) != "" {
		return []string{key}
	}
	return nil
}

// lookup returns the last value of a variable, as exec's callee would see it; empty if there is none.
func lookup(environ []string, name string) (found string) {
	for _, v := range environ {
		if n, text, _ := strings.Cut(v, "="); n == name {
			found = text
		}
	}
	return found
}

// readEnviron returns the settings among the variables, and a problem for each
// MONGOGATE_ variable that is none.
func readEnviron(environ []string) (map[string]string, []problem.Problem) {
	given := map[string]string{}
	var problems []problem.Problem
	names := Variables()
	held := heldKeys(environ)
	for _, v := range environ {
		name, text, _ := strings.Cut(v, "=")
		switch {
		case !strings.HasPrefix(name, prefix) || slices.Contains(strangers, name):
		case name == keyVariable && slices.Contains(held, text):
		case slices.Contains(names, name):
			given[name] = text
		case serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && serviceAddress.MatchString(text):
		default:
			p := problem.Problem{Source: "environment", Message: "no setting has the variable " + showName(name), Remedy: didYouMean(strings.TrimPrefix(name, prefix), prefix, namesOf(variableTail))}
			if p.Remedy == "" {
				p.Remedy = "unset it, names that begin with " + prefix + " are kept for settings"
			}
			problems = append(problems, p)
		}
	}
	return given, problems
}
