//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/printable"
	"github.com/mongogate/mongogate/pkg/problem"
)

// report shows an error, one line for each problem, and gives its exit code. No text of others begins a line.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	code := agent.CodeOf(err)
	var e *agent.Exit
	if errors.As(err, &e) && e.Err == nil {
		return code
	}
	for _, line := range linesOf(err) {
		fmt.Fprintln(stderr, "mongogate:", printable.Text(line, printable.Message))
	}
	return code
}

// linesOf are the problems that an error joins, or the error. A line end in the text of one of them was
// written by somebody else: a server, whoever named an owner.
func linesOf(err error) []string {
	if e, ok := err.(*agent.Exit); ok && e.Err != nil { //nolint:errorlint // this one, not one inside
		return linesOf(e.Err)
	}
	var all []string
	for _, part := range problem.Each(err) {
		if wrong, ok := part.(*settings.Error); ok { //nolint:errorlint // as above
			for _, p := range wrong.Problems {
				all = append(all, p.String())
			}
			continue
		}
		all = append(all, part.Error())
	}
	return all
}
