package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// healthy runs every test once without a mutant: one that fails anyway kills nothing. Each package is compiled once.
func healthy(ctx context.Context, root string, chosen []mutant) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("a directory for the tests: %w", err)
	}
	defer os.RemoveAll(dir)
	var tests []string
	for _, m := range chosen {
		tests = append(tests, m.tests...)
	}
	slices.Sort(tests)
	built := map[string]string{}
	for _, test := range slices.Compact(tests) {
		module, pkg, flags := parts(test)
		in := filepath.Join(root, module, pkg)
		if built[in] == "" {
			built[in] = filepath.Join(dir, fmt.Sprintf("%d.test", len(built)))
			build := exec.CommandContext(ctx, "go", "test", "-c", "-o", built[in], ".")
			build.Dir = in
			if out, err := build.CombinedOutput(); err != nil {
				return fmt.Errorf("without any mutant, %s does not compile: %w\n%s", in, err, head(string(out)))
			}
		}
		cmd := exec.CommandContext(ctx, built[in], append([]string{"-test.failfast", "-test.timeout=2m"}, flags...)...)
		cmd.Dir = in
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("without any mutant, go test %s: %w\n%s", test, err, head(string(out)))
		} else if strings.Contains(string(out), "no tests to run") {
			return fmt.Errorf("go test %s runs no test", test)
		}
	}
	return nil
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
