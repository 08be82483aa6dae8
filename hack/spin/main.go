// Command spin searches a small model of the lock's protocol, lock.pml, completely: with all rules no property fails, and
// without each of them one does.
//
//	go run ./hack/spin                # holds what it finds against docs/internals/model.md
//	go run ./hack/spin -update        # writes it there
//	go run ./hack/spin -run pause     # only searches whose names match
//	go run ./hack/spin -n             # prints the commands and runs nothing
//
// It installs nothing. It exits with 69 where spin or a C compiler is missing, and with 1 where a search is not complete,
// where a property fails that ought not, or the other way round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

var errMissing = errors.New("spin and a C compiler are needed: apt-get install spin gcc")

func main() {
	update := flag.Bool("update", false, "write the tables of docs/internals/model.md")
	show := flag.Bool("n", false, "print the commands and run nothing")
	pattern := flag.String("run", "", "only searches whose names match this regular expression; the page is left alone")
	limit := flag.Duration("limit", time.Minute, "longest time of one search")
	parallel := flag.Int("p", 2, "searches at a time, of at most 2 GB each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *pattern, *update, *show, *limit, *parallel)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "spin:", err)
		if errors.Is(err, errMissing) {
			os.Exit(69)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, pattern string, update, show bool, limit time.Duration, parallel int) error {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	model, err := filepath.Abs("hack/spin/lock.pml")
	if err != nil {
		return fmt.Errorf("the model: %w", err)
	}
	if _, err := os.Stat(model); err != nil {
		return fmt.Errorf("the model (run this from the root of the repository): %w", err)
	}
	var chosen []*search
	for _, s := range searches() {
		if match.MatchString(s.String()) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no search's name matches %q", pattern)
	}
	if show {
		for _, s := range chosen {
			for _, c := range s.commands(model) {
				fmt.Fprintln(out, strings.Join(c, " "))
			}
		}
		return nil
	}
	for _, program := range []string{"spin", "cc"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (%w)", errMissing, err)
		}
	}
	all, err := searchAll(ctx, out, chosen, model, limit, parallel)
	if err != nil || pattern != "" {
		return err
	}
	return page(all, update)
}

// searches are all of them: each part, each part that ends, each rule.
func searches() []*search {
	var all []*search
	for i := range parts {
		all = append(all, &search{part: &parts[i]})
		if parts[i].ends {
			all = append(all, &search{part: &parts[i], ends: true})
		}
		for _, r := range parts[i].rules {
			all = append(all, &search{part: &parts[i], without: r.name, breaks: r.breaks})
		}
	}
	return all
}

// searchAll runs the searches and prints what each came to. Its error names those that came to something else than they ought.
func searchAll(ctx context.Context, out io.Writer, chosen []*search, model string, limit time.Duration, parallel int) (map[*search]found, error) {
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		errs   []error
		all    = map[*search]found{}
		slots  = make(chan struct{}, max(parallel, 1))
		begun  = time.Now()
		states int
	)
	for _, s := range chosen {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			f, err := s.run(ctx, model, limit)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				fmt.Fprintf(out, "%-45s %9d states %6.1f s  %s\n", s, f.states, f.took.Seconds(), f)
				err = s.judge(f)
			}
			all[s], errs, states = f, append(errs, err), states+f.states
		})
	}
	wait.Wait()
	fmt.Fprintf(out, "%d searches, %d states, %.0f s\n", len(chosen), states, time.Since(begun).Seconds())
	return all, errors.Join(errs...)
}
