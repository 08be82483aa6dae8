package settings

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/mongogate/mongogate/internal/bucket"
)

// ExitUsage is the exit code for an [*Error].
const ExitUsage = 64

// Problem is one thing wrong with the settings.
type Problem struct {
	// Field is the setting, spelled as its flag without dashes; empty where a file as a whole is wrong.
	Field string
	// Source is where the value came from; empty where there was none.
	Source string
	// Value is what was given, fit to be shown.
	Value string
	// Message says what is wrong, Remedy what would be right.
	Message, Remedy string
}

// Error makes a problem an error, for the rules that [Outside] brings.
func (p Problem) Error() string { return p.String() }

func (p Problem) String() string {
	var b strings.Builder
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	if p.Value != "" {
		b.WriteString(p.Value + ": ")
	}
	b.WriteString(p.Message)
	if p.Source != "" {
		b.WriteString(" (from " + p.Source + ")")
	}
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Error is everything that is wrong with the settings. The program ends with
// [ExitUsage].
type Error struct {
	Problems []Problem
	causes   []error
}

// Error gives one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the typed errors among the causes, such as a [*bucket.ManualJob].
func (e *Error) Unwrap() []error { return e.causes }

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

// Flatten returns the errors that errors.Join put into err, also those that were joined before, or err where it is none of those; nothing for nil.
func Flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, e := range joined.Unwrap() {
		all = append(all, Flatten(e)...)
		lines = append(lines, e.Error())
	}
	if err.Error() != strings.Join(lines, "\n") { // it says more than its parts
		return []error{err}
	}
	return all
}

// fromBucket adds the errors of package bucket.
func (e *Error) fromBucket(err error, source func(field string) string) {
	for _, err := range Flatten(err) {
		var field *bucket.FieldError
		var manual *bucket.ManualJob
		switch {
		case errors.As(err, &field):
			p := Problem{Field: field.Field, Source: source(field.Field), Message: field.Message, Remedy: field.Remedy}
			if field.Value != "" {
				p.Value = show(field.Value)
			}
			e.Problems = append(e.Problems, p)
		case errors.As(err, &manual):
			e.Problems = append(e.Problems, Problem{
				Field: "job-name", Source: source("job-name"), Value: show(manual.Name),
				Message: "this Job carries no scheduled minute, so it has no bucket: " + manual.Reason, Remedy: manual.Remedy(),
			})
		default:
			e.Problems = append(e.Problems, Problem{Field: "key", Message: err.Error()})
		}
		e.causes = append(e.causes, err)
	}
}
