package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	memory = 2000   // MB, of one search
	depth  = 100000 // of one search; a search that goes deeper is not complete, and says so
)

// A search is a run of the verifier that spin makes from the model.
type search struct {
	part    *part
	without string // the rule that is left out, or none
	breaks  string // the property that fails without it
	ends    bool   // looks for runs that go on forever, not for properties that fail
}

// found is what a search came to.
type found struct {
	states   int
	complete bool
	broken   string // the property that failed, or none
	took     time.Duration
}

func (f found) String() string {
	switch {
	case f.broken != "":
		return "fails: " + strings.ReplaceAll(f.broken, "_", " ")
	case f.complete:
		return "complete, nothing fails"
	}
	return "NOT COMPLETE"
}

// judge says what a search came to that it ought not.
func (s *search) judge(f found) error {
	switch {
	case f.broken != s.breaks && s.breaks == "":
		return fmt.Errorf("%v: %s fails (the commands with -n and then `spin … -t -p -g lock.pml` show the schedule)", s, f.broken)
	case f.broken != s.breaks:
		return fmt.Errorf("%v: %s ought to fail, and it came to %q", s, s.breaks, f)
	case s.breaks == "" && !f.complete:
		return fmt.Errorf("%v: the search is not complete after %d states", s, f.states)
	}
	return nil
}

func (s *search) String() string {
	switch {
	case s.without != "":
		return s.part.name + " without " + s.without
	case s.ends:
		return s.part.name + ", runs without an end"
	}
	return s.part.name
}

// commands are what is run, one after another.
func (s *search) commands(model string) [][]string {
	generate := append([]string{"spin"}, s.part.flags()...)
	if s.without != "" {
		generate = append(generate, "-DWITHOUT="+s.without)
	}
	generate = append(generate, "-a", model)
	// -E: a run that has come to its end is no error; the model looks at it.
	verify := []string{"./pan", "-E", fmt.Sprintf("-m%d", depth), "-w22"}
	kind, optimize := "-DSAFETY", "-O1"
	if s.without != "" {
		optimize = "-O0" // it soon fails: compiling takes longer than searching
	}
	if s.ends {
		kind = "-DNP"
		verify = append(verify, "-l")
	}
	compile := []string{"cc", optimize, "-w", kind, "-DNOREDUCE", fmt.Sprintf("-DMEMLIM=%d", memory), "-o", "pan", "pan.c"}
	return [][]string{generate, compile, verify}
}

var (
	stored    = regexp.MustCompile(`(?m)^ *([0-9.e+]+) states, stored`)
	errorsAre = regexp.MustCompile(`errors: (\d+)`)
	cut       = regexp.MustCompile(`Search not completed|max search depth too small|MEMLIM|out of memory`)
	other     = regexp.MustCompile(`(?m)^pan:.*$`)
	violated  = regexp.MustCompile(`assertion violated +!\((\w+)\)`)
)

// run runs the search in a directory of its own, for at most limit.
func (s *search) run(ctx context.Context, model string, limit time.Duration) (found, error) {
	dir, err := os.MkdirTemp("", "spin")
	if err != nil {
		return found{}, fmt.Errorf("a directory for a search: %w", err)
	}
	defer os.RemoveAll(dir)
	var out []byte
	begun := time.Now()
	for _, c := range s.commands(model) {
		begun = time.Now()
		out, err = s.command(ctx, dir, c, limit)
		if err != nil {
			return found{}, err
		}
	}
	f, err := read(string(out))
	f.took = time.Since(begun)
	return f, err
}

func (s *search) command(ctx context.Context, dir string, c []string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c[0], c[1:]...)
	if !filepath.IsAbs(c[0]) && strings.Contains(c[0], "/") {
		cmd.Path = filepath.Join(dir, c[0])
	}
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%v: %s: not done after %v: %w", s, c[0], limit, ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("%v: %s: %w\n%s", s, strings.Join(c, " "), err, out)
	}
	return out, nil
}

// read takes the figures out of what the verifier says.
func read(out string) (found, error) {
	var f found
	n, states := errorsAre.FindStringSubmatch(out), stored.FindStringSubmatch(out)
	if n == nil || states == nil {
		return f, errors.New("the verifier gave no figures:\n" + out)
	}
	count, err := strconv.ParseFloat(states[1], 64)
	if err != nil {
		return f, fmt.Errorf("the number of states: %w", err)
	}
	f.states = int(count)
	if m := violated.FindStringSubmatch(out); m != nil {
		f.broken = m[1]
	} else if n[1] != "0" {
		f.broken = strings.TrimSpace(other.FindString(out))
	}
	f.complete = f.broken == "" && !cut.MatchString(out)
	return f, nil
}
