// Package problem has the one shape in which it is said what is wrong and what would be right: of a setting, a key, a
// connection string, a store, the rights of a pod. It is said where it is found, and printed here alone.
//
// Promised: a problem is one line. Not promised: that a value or a message shows no secret; whoever makes a problem sees to that.
package problem

import (
	"errors"
	"reflect"
	"strings"
)

// Problem is one thing that is wrong.
type Problem struct {
	// Field is the setting, spelled as its flag without dashes, or the part of the store; empty where it is about a whole.
	Field string `json:"field,omitempty"`
	// Value is what was given, fit to be shown on one line; empty where it was nothing.
	Value string `json:"value,omitempty"`
	// Source is where the value came from.
	Source string `json:"source,omitempty"`
	// Message says what is wrong, Remedy what would be right.
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	// Cause is the error that it was made of, if there is one. Its text is not printed.
	Cause error `json:"-"`
}

// Of is an error as a problem of a field. errors.Is and errors.As find the error in it.
func Of(field string, cause error, remedy string) Problem {
	return Problem{Field: field, Message: cause.Error(), Remedy: remedy, Cause: cause}
}

// Error makes a problem an error.
func (p Problem) Error() string { return p.String() }

// Unwrap gives the error that the problem was made of, if there is one.
func (p Problem) Unwrap() error { return p.Cause }

func (p Problem) String() string {
	var b strings.Builder
	for _, part := range []string{p.Field, p.Value} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(line(p.Message))
	if p.Source != "" {
		b.WriteString(" (from " + line(p.Source) + ")")
	}
	if p.Remedy != "" {
		b.WriteString("; " + line(p.Remedy))
	}
	return b.String()
}

// line is a text on one line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

// All are the problems in an error, each that errors.Join has put into it. One that says no problem is one.
func All(err error) []Problem {
	var all []Problem
	for _, part := range Each(err) {
		p := Problem{}
		if !errors.As(part, &p) {
			p = Of("", part, "")
		}
		all = append(all, p)
	}
	return all
}

// joined is the type of what errors.Join returns, which has no name outside.
var joined = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// Each gives the errors that errors.Join has put into one, also those that were joined before; any other error is itself, and nil is none.
func Each(err error) []error {
	if err == nil {
		return nil
	}
	parts, ok := err.(interface{ Unwrap() []error })
	if !ok || reflect.TypeOf(err) != joined { // another one says more than its parts
		return []error{err}
	}
	var all []error
	for _, part := range parts.Unwrap() {
		all = append(all, Each(part)...)
	}
	return all
}
