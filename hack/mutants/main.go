// Command mutants takes the protections of this repository away, one at a
// time, and checks that a test fails for each.
//
//	go run ./hack/mutants              # all; writes docs/internals/mutants.md
//	go run ./hack/mutants -run gate    # those whose names match
//	go run ./hack/mutants -new -out d  # those that docs/internals/mutants.md does not show; what their tests said is in d
//
// What is killed is written at once, so that a run that is cut short is not lost; what is not killed loses its line.
//
// On a busy machine a test of times may fail for want of a processor, which looks like a kill: read what it said.
//
// It changes no file: mutants are compiled with an overlay (go help build), those that change
// bodies of functions alone all at once, to be chosen by a variable; or they are copies of the charts. It exits
// with 1 where a mutant survives, where what it replaces is not there exactly once,
// where a mutant does not compile, or where a test fails without any mutant.
//
// To add a mutant, add a row to a table_*.go file. An edit names no file: it says in which declaration (a function, a
// Type.method, a type, a constant, a variable, a chart's template) which code becomes which. Code is compared token by
// token, so that it may move to another file, and be indented, broken into lines and commented in another way. Semicolons
// stand for ends of lines, and need not be there in what is replaced.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"sync"
	"time"
)

// tables are all mutants, in the order of docs/internals/mutants.md.
func tables() []mutant {
	return slices.Concat(storeMutants, leaseMutants, runMutants, gateMutants, guardMutants, sidecarMutants, rotationMutants, epochMutants, kubeMutants,
		bucketMutants, peopleMutants, lossMutants, networkMutants, outputMutants, frozenMutants, libraryMutants, twinMutants, plantedMutants, chartMutants)
}

func main() {
	pattern := flag.String("run", "", "only mutants whose names match this regular expression")
	fresh := flag.Bool("new", false, "only mutants that docs/internals/mutants.md does not show yet")
	parallel := flag.Int("p", 1, "how many tests run at a time")
	out := flag.String("out", "", "directory for what the tests of each mutant said")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *pattern, *fresh, *parallel, *out); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pattern string, fresh bool, parallel int, out string) error {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	shown, err := read(root)
	if err != nil {
		return err
	}
	var chosen []mutant
	for _, m := range tables() {
		if fresh && shown[m.name] != "" {
			continue
		}
		if match.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 && fresh {
		fmt.Println("no mutant is new")
		return nil
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant's name matches %q", pattern)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("a directory for the tests: %w", err)
	}
	defer os.RemoveAll(dir)
	from, err := readSources(root)
	if err != nil {
		return err
	}
	with, err := newSchemata(ctx, from, dir, chosen)
	if err != nil {
		return err
	}
	tests := &binaries{root: root, dir: dir, with: with, built: map[string]string{}, known: map[string]func() error{}, apart: map[string]bool{}}

	began, bad := time.Now(), 0
	slots := make(chan struct{}, max(parallel, 1))
	var all sync.WaitGroup
	var recording sync.Mutex
	var failures []error
	for _, m := range chosen {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			r := try(ctx, tests, m)
			recording.Lock()
			defer recording.Unlock()
			if ctx.Err() != nil {
				return
			}
			fmt.Println(r)
			if !r.good() {
				bad++
			}
			failures = append(failures, r.keep(out), record(root, shown, r))
		})
	}
	all.Wait()
	fmt.Printf("%d mutants, %d not as they should be, in %v\n", len(chosen), bad, time.Since(began).Round(time.Second))
	if bad > 0 {
		failures = append(failures, fmt.Errorf("%d of %d mutants are not killed", bad, len(chosen)))
	}
	return errors.Join(append(failures, ctx.Err())...)
}
