//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/printable"
)

// The last error is a line for each problem that we know of; a line end that came from outside begins none.
func TestReportShowsEverything(t *testing.T) {
	foreign := errors.New("the server says: " + evil)
	problems := &settings.Error{Problems: []settings.Problem{{Field: "a", Message: "one"}, {Field: "b", Message: "two"}}}
	for name, test := range map[string]struct {
		err   error
		lines int
	}{
		"one":                    {foreign, 1},
		"wrapped":                {fmt.Errorf("acquiring: %w", foreign), 1},
		"with a code":            {&agent.Exit{Code: agent.ExitLost, Err: foreign}, 1},
		"joined":                 {errors.Join(foreign, foreign, foreign), 3},
		"joined, with a code":    {&agent.Exit{Code: agent.ExitLost, Err: errors.Join(foreign, foreign)}, 2},
		"joined within a text":   {fmt.Errorf("x: %w", errors.Join(foreign, foreign)), 1},
		"settings":               {problems, 2},
		"settings and a foreign": {errors.Join(problems, foreign), 3},
		"very long":              {errors.New(strings.Repeat(evil, 1<<17)), 1},
	} {
		var b bytes.Buffer
		report(test.err, &b)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != test.lines {
			t.Errorf("%s: %d lines, want %d:\n%.2000s", name, len(lines), test.lines, b.String())
		}
		for _, line := range lines {
			if !printable.Visible(line) || len(line) > 3000 || !strings.HasPrefix(line, "mongogate: ") || strings.HasPrefix(line, "mongogate: all is well") {
				t.Errorf("%s: %.300q", name, line)
			}
		}
	}
}
