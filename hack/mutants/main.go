// Command mutants takes the protections of this repository away, one at a
// time, and checks that a test fails for each.
//
//	go run ./hack/mutants              # all; writes docs/mutants.md
//	go run ./hack/mutants -run gate    # those whose names match; writes nothing
//
// It changes no file: a mutant is compiled with go test -overlay, or is a copy of the charts. It exits
// with 1 where a mutant survives, where the text that it replaces is no longer
// there exactly once, where a mutant does not compile, or where a test fails without any mutant.
//
// To add a mutant, add a row to a table_*.go file, or another such file to tables.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"time"
)

// tables are all mutants, in the order of docs/mutants.md.
func tables() []mutant {
	var all []mutant
	for _, t := range [][]mutant{
		storeMutants(), leaseMutants(), runMutants(), gateMutants(), guardMutants(), sidecarMutants(), rotationMutants(), epochMutants(), kubeMutants(),
		bucketMutants(),
		peopleMutants(),
		lossMutants(),
		networkMutants(),
		outputMutants(),
		frozenMutants(),
		libraryMutants(),
		twinMutants(),
		plantedMutants(),
	} {
		all = append(all, t...)
	}
	return append(all, chartMutants()...)
}

func main() {
	pattern := flag.String("run", "", "only mutants whose names match this regular expression")
	fresh := flag.Bool("new", false, "only mutants that docs/mutants.md does not show yet")
	parallel := flag.Int("p", 1, "how many tests run at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *pattern, *fresh, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, pattern string, fresh bool, parallel int) error {
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
	if err := healthy(ctx, root, chosen); err != nil {
		return err
	}

	began, bad := time.Now(), 0
	results := make([]result, len(chosen))
	slots := make(chan struct{}, max(parallel, 1))
	var all sync.WaitGroup
	var printing sync.Mutex
	for i, m := range chosen {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			results[i] = try(ctx, root, m)
			printing.Lock()
			defer printing.Unlock()
			if !results[i].good() {
				bad++
			}
			fmt.Println(results[i])
		})
	}
	all.Wait()
	fmt.Printf("%d mutants, %d not as they should be, in %v\n", len(chosen), bad, time.Since(began).Round(time.Second))
	if err := ctx.Err(); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d mutants are not killed", bad, len(chosen))
	}
	for _, r := range results {
		shown[r.name] = r.row()
	}
	return write(root, shown)
}
