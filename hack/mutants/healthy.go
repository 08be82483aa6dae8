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

// binaries are the tests of packages as they are, each compiled once.
type binaries struct {
	root, dir string

	mu    sync.Mutex
	built map[string]string
}

// healthy runs every test once without a mutant: one that fails anyway kills nothing.
func (b *binaries) healthy(ctx context.Context, chosen []mutant) error {
	var tests []string
	for _, m := range chosen {
		tests = append(tests, m.tests...)
	}
	slices.Sort(tests)
	for _, test := range slices.Compact(tests) {
		if out, err := b.run(ctx, test, nil); err != nil {
			return fmt.Errorf("without any mutant, go test %s: %w\n%s", test, err, head(out))
		} else if strings.Contains(out, "no tests to run") {
			return fmt.Errorf("go test %s runs no test", test)
		}
	}
	return nil
}

// run is go test with these arguments.
func (b *binaries) run(ctx context.Context, test string, environ []string) (string, error) {
	module, pkg, flags := parts(test)
	in := filepath.Join(b.root, module, pkg)
	binary, err := b.of(ctx, in)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.failfast", "-test.timeout=2m"}, flags...)...) //nolint:gosec // what was just built
	cmd.Dir = in
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// of compiles the tests of the package in a directory.
func (b *binaries) of(ctx context.Context, in string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path, ok := b.built[in]; ok {
		return path, nil
	}
	path := filepath.Join(b.dir, fmt.Sprintf("%d.test", len(b.built)))
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", path, ".")
	build.Dir = in
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
