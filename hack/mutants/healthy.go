package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// binaries are the tests of packages, each compiled once, with many mutants in them.
type binaries struct {
	root, dir string
	with      *schemata

	mu    sync.Mutex
	built map[string]string
	known map[string]func() error // of each test, whether it passes without a mutant
	// apart are tests that fail with mutants compiled in, though none is in force.
	apart map[string]bool
}

// healthy runs a test once without a mutant: one that fails anyway kills nothing.
func (b *binaries) healthy(ctx context.Context, test string) error {
	b.mu.Lock()
	know := b.known[test]
	if know == nil {
		know = sync.OnceValue(func() error { return b.tried(ctx, test) })
		b.known[test] = know
	}
	b.mu.Unlock()
	return know()
}

func (b *binaries) tried(ctx context.Context, test string) error {
	// The variable is there as it will be: a test that minds it kills nothing.
	out, err := b.run(ctx, test, []string{activeVariable + "=none"})
	if err != nil && ctx.Err() == nil {
		fmt.Printf("by itself %s\n", test)
		b.mu.Lock()
		b.apart[test] = true
		b.mu.Unlock()
		out, err = b.goTest(ctx, test, nil)
	}
	if err != nil {
		return fmt.Errorf("without any mutant, go test %s: %w\n%s", test, err, head(out))
	} else if strings.Contains(out, "no tests to run") {
		return fmt.Errorf("go test %s runs no test", test)
	}
	return nil
}

// meet runs a test with a mutant. What survives among the others, where a
// test may hide the variable from a process that it starts, is compiled by itself as well.
func (b *binaries) meet(ctx context.Context, m mutant, test string, environ []string) (string, error) {
	if m.aboutCharts() { // which the tests read when they run
		return b.run(ctx, test, environ)
	}
	b.mu.Lock()
	apart := b.apart[test]
	b.mu.Unlock()
	if m.equivalent == "" && b.with.within[m.name] && !apart {
		if out, err := b.run(ctx, test, []string{activeVariable + "=" + m.name}); err != nil {
			return out, err
		}
	}
	return b.goTest(ctx, test, environ)
}

// run is go test with these arguments.
func (b *binaries) run(ctx context.Context, test string, environ []string) (string, error) {
	module, pkg, flags := parts(test)
	in := filepath.Join(b.root, module, pkg)
	var with []string
	if module == "" { // what is in another module is about the charts
		with = b.environ()
	}
	binary, err := b.of(ctx, in, with)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.failfast", "-test.timeout=2m"}, flags...)...)
	cmd.Dir = in
	cmd.Env = slices.Concat(os.Environ(), with, environ)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// environ is for the go command, also where a test builds the binary and runs it.
func (b *binaries) environ() []string {
	return []string{"GOFLAGS=-overlay=" + b.with.overlay + " " + os.Getenv("GOFLAGS")}
}

// of compiles the tests of the package in a directory.
func (b *binaries) of(ctx context.Context, in string, environ []string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path, ok := b.built[in]; ok {
		return path, nil
	}
	path := filepath.Join(b.dir, fmt.Sprintf("%d.test", len(b.built)))
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", path, ".")
	build.Dir, build.Env = in, append(os.Environ(), environ...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not compile: %w\n%s", in, err, head(string(out)))
	}
	b.built[in] = path
	return path, nil
}

// parts takes the arguments of go test apart: a module of its own (or ""), the package, and the flags as the test's binary takes them.
func parts(test string) (module, pkg string, flags []string) {
	args := strings.Fields(test)
	if args[0] == "-C" {
		module, args = args[1], args[2:]
	}
	for _, a := range args {
		name, isFlag := strings.CutPrefix(a, "-")
		switch {
		case !isFlag:
			pkg = a
		case strings.HasPrefix(name, "run=") || strings.HasPrefix(name, "timeout="):
			flags = append(flags, "-test."+name)
		default:
			flags = append(flags, a)
		}
	}
	return module, pkg, flags
}
