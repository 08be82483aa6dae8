package settings

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/problem"
)

// ExitUsage is the exit code for an [*Error].
const ExitUsage = 64

// Error is everything that is wrong with the settings. The program ends with
// [ExitUsage].
type Error struct {
	Problems []problem.Problem
}

// Error gives one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the problems, each with its cause, such as a [*bucket.ManualJob].
func (e *Error) Unwrap() []error {
	all := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		all[i] = p
	}
	return all
}

func (e *Error) orNil() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// maxShown bounds how much of a wrong value is repeated.
const maxShown = 80

// A value that could be, or hold, a connection string or a password is not shown.
var mayHoldSecret = regexp.MustCompile(`(?is)://|:.*@|mongodb(\+srv)?:|passw(or)?d=|token[=:]`)

// conceal hides a value that may hold a secret.
func conceal(v string) string {
	if mayHoldSecret.MatchString(v) {
		return redacted
	}
	return v
}

// show makes a value fit for a message: quoted on one line, short, without secrets.
func show(v string) string {
	if conceal(v) != v {
		return redacted
	}
	if len(v) > maxShown {
		v = strings.ToValidUTF8(v[:maxShown], "") + "…"
	}
	return strconv.Quote(v)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`)

// showName makes a name that nobody knows fit for a message: a connection
// string that lost its equals sign is no name.
func showName(name string) string {
	if !plainName.MatchString(name) || mayHoldSecret.MatchString(name) {
		return "a name that is not shown, for it has other signs than letters, digits, dots and dashes"
	}
	return name
}

// fromBucket adds the errors of package bucket.
func (e *Error) fromBucket(err error, source func(field string) string) {
	for _, err := range problem.Each(err) {
		var p problem.Problem
		var manual *bucket.ManualJob
		switch {
		case errors.As(err, &manual):
			p = manual.Problem()
		case !errors.As(err, &p):
			p = problem.Of("key", err, "")
		}
		if p.Source = source(p.Field); p.Value != "" {
			p.Value = show(p.Value)
		}
		e.Problems = append(e.Problems, p)
	}
}
