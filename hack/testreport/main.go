// Command testreport reads the output of go test -json, shows what failed and
// what was skipped by name, and prints how many tests ran. It fails below the floor.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

type report struct {
	outputs          map[string][]string // of what has not passed yet
	failed, skipped  []string
	unsteady         []string // failed, and passed when tried again
	passed, packages int
	heads            []string // what suites say of themselves
	skipReason       map[string]string
	passedParts      []string
	live             io.Writer      // told of each package as it ends; nil: nobody
	tests            map[string]int // by package, how many passed
}

func main() {
	floor := flag.Int("floor", 0, "fewest tests that must have passed")
	another := flag.Int("worth-another", 0, "print the tests that failed, as a pattern, if there are at most so many and none was unsafe")
	progress := flag.Bool("progress", false, "print a line as each package ends, and each test that fails")
	again := flag.String("again", "", "package of the second tries")
	flag.Parse()
	r := report{outputs: map[string][]string{}, skipReason: map[string]string{}}
	if *progress {
		r.live = os.Stdout
	}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if *another > 0 {
		fmt.Println(strings.Join(r.worthAnother(*another), "|"))
		return
	}
	r.forgive(*again)
	os.Exit(r.print(os.Stdout, *floor))
}

func (r *report) read(in io.Reader) error {
	r.tests = map[string]int{}
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			fmt.Println(s.Text()) // a build failure
			continue
		}
		r.take(e)
	}
	return s.Err()
}

// marks are the lines in which suites say what they ran, and on what.
var marks = []string{"database: ", "conformance: ", "trials: ", "histories: ", "cases: ", "witness: ", "figure: ", "skipped: "}

func (r *report) take(e event) {
	id := e.Package + " " + e.Test
	defer r.ended(e)
	switch e.Action {
	case "output", "build-output":
		r.outputs[id] = append(r.outputs[id], e.Output)
		for _, m := range marks {
			if i := strings.Index(e.Output, m); i >= 0 {
				r.heads = append(r.heads, strings.TrimSpace(e.Output[i:]))
			}
		}
	case "pass":
		switch {
		case e.Test != "" && r.hollow(id):
			// Nothing of it ran: its parts are among the skipped.
		case e.Test != "":
			r.passed++
			r.tests[e.Package]++
			r.passedParts = append(r.passedParts, id)
		default:
			r.packages++
		}
		delete(r.outputs, id)
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, id)
			r.skipReason[id] = strings.TrimSpace(strings.Join(r.outputs[id], " "))
		}
		delete(r.outputs, id)
	case "fail", "build-fail":
		if e.Test == "" && slices.ContainsFunc(r.failed, func(f string) bool { return strings.HasPrefix(f, id) }) {
			break // the package failed by a test of it, which is counted
		}
		r.failed = append(r.failed, id)
	}
}

// ended shows that a package has ended, and at once what a test that failed has said.
func (r *report) ended(e event) {
	if r.live != nil && e.Test != "" && e.Action == "fail" {
		fmt.Fprintf(r.live, "FAIL %s %s\n%s", e.Package, e.Test, strings.Join(r.outputs[e.Package+" "+e.Test], ""))
	}
	if r.live == nil || e.Test != "" || e.Action != "pass" && e.Action != "fail" && e.Action != "skip" {
		return
	}
	word := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "--"}[e.Action]
	fmt.Fprintf(r.live, "%-4s %6.1f s  %4d passed  %s\n", word, e.Elapsed, r.tests[e.Package], e.Package)
}

// hollow says that all parts of a test were skipped: go test calls it passed all the same.
func (r *report) hollow(id string) bool {
	part := func(other string) bool { return strings.HasPrefix(other, id+"/") }
	return slices.ContainsFunc(r.skipped, part) && !slices.ContainsFunc(r.passedParts, part)
}

func (r *report) print(w io.Writer, floor int) int {
	slices.Sort(r.heads)
	for _, h := range slices.Compact(r.heads) {
		fmt.Fprintln(w, h)
	}
	for _, id := range r.skipped {
		fmt.Fprintln(w, "SKIP", id, lastLine(r.skipReason[id]))
	}
	for _, id := range r.unsteady {
		fmt.Fprintf(w, "\nUNSTEADY %s\n%s", id, strings.Join(r.outputs[id], ""))
	}
	for _, id := range r.failed {
		fmt.Fprintf(w, "\nFAIL %s\n%s", id, strings.Join(r.outputs[id], ""))
		if strings.HasSuffix(id, " ") {
			r.unended(w, id)
		}
	}
	if len(r.unsteady) > 0 {
		fmt.Fprintf(w, "\n%d failed, and passed when they ran again by themselves\n", len(r.unsteady))
	}
	fmt.Fprintf(w, "\n%d packages\n%d passed, %d failed, %d skipped\n", r.packages, r.passed, len(r.failed), len(r.skipped))
	if len(r.failed) > 0 {
		return 1
	}
	if r.passed < floor {
		fmt.Fprintf(w, "testreport: %d tests passed, want at least %d\n", r.passed, floor)
		return 1
	}
	return 0
}

// unended prints what tests said that were running when their package failed
// without a test that did: an Example that ended the process, a crash.
func (r *report) unended(w io.Writer, pkg string) {
	for _, id := range slices.Sorted(maps.Keys(r.outputs)) {
		if strings.HasPrefix(id, pkg) && id != pkg && !slices.Contains(r.failed, id) {
			fmt.Fprintf(w, "did not end: %s\n%s", id, strings.Join(r.outputs[id], ""))
		}
	}
}

// lastLine is the reason of a skip: "file.go:12: this store has no change streams".
func lastLine(output string) string {
	for line := range strings.Lines(output) {
		if i := strings.Index(line, ".go:"); i >= 0 {
			if _, reason, ok := strings.Cut(line[i+4:], ": "); ok {
				return "(" + strings.TrimSpace(reason) + ")"
			}
		}
	}
	return ""
}
