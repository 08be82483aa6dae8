//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Plan is how many trials of each group are run.
type Plan struct {
	// Losses are lost leases, all kinds in turn.
	Losses int
	// HandOvers go to one who was waiting, Fresh to one who comes after the crash.
	HandOvers, Fresh int
	// Skips are scheduled runs whose winner crashes.
	Skips int
	// Attacks are commands that stop or kill gate and guard, all kinds in turn. They need root.
	Attacks int
	// Unread are gates, and leases of the library, for which nobody outside takes what they have, all kinds in turn.
	Unread int
	// Elections are of a replica set, under the library.
	Elections int
	// Parallel is how many trials run at once; they mostly wait.
	Parallel int
}

// Whole is what a release is to pass, Short what every change is.
var (
	Whole = Plan{Losses: 200, HandOvers: 100, Fresh: 20, Skips: 20, Attacks: 220, Unread: 140, Elections: 54, Parallel: 8}
	Short = Plan{Losses: 30, HandOvers: 20, Fresh: 4, Skips: 4, Attacks: 11, Unread: 7, Parallel: 6}
)

// Result is one trial.
type Result struct {
	Kind string
	Measure
	Err error
	// Disturbed is how often it had to be tried again, Why is the last reason.
	Disturbed int
	Why       error
	// Story is all there is to know, of a failed one.
	Story string
}

type task struct {
	kind string
	n    int
	try  func(context.Context, *Trial) (Measure, error)
}

// Kinds of trials besides the losses.
const (
	kindHandOver = "hand-over to one who waited"
	kindFresh    = "hand-over to one who came later"
	kindSkip     = "scheduled run, its winner crashed"
)

func (p Plan) tasks() []task {
	var all []task
	for i := range p.Losses {
		kinds := losses(i / 10)
		l := kinds[i%len(kinds)]
		all = append(all, task{l.name, i / len(kinds), l.try})
	}
	for i := range p.attacks() {
		kinds := attacks()
		a := kinds[i%len(kinds)]
		all = append(all, task{a.name(), i / len(kinds), a.try})
	}
	for i := range p.Unread {
		kinds := unreads()
		all = append(all, task{kinds[i%len(kinds)].kind, i / len(kinds), kinds[i%len(kinds)].try})
	}
	for _, g := range []struct {
		kind string
		n    int
		try  func(context.Context, *Trial) (Measure, error)
	}{{kindHandOver, p.HandOvers, takeOver(true)}, {kindFresh, p.Fresh, takeOver(false)}, {kindSkip, p.Skips, skip}} {
		for n := range g.n {
			all = append(all, task{g.kind, n, g.try})
		}
	}
	return all
}

// attempts is how often a trial is tried that is disturbed.
const attempts = 4

// Run runs a plan and prints a line for each trial, and the story of each that fails.
func (r *Rig) Run(ctx context.Context, p Plan, out io.Writer) []Result {
	var (
		tasks   = p.tasks()
		results = make([]Result, len(tasks))
		next    = make(chan int)
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
	)
	for range p.Parallel {
		workers.Go(func() {
			for i := range next {
				res := r.try(ctx, tasks[i])
				results[i] = res
				mu.Lock()
				done++
				res.print(out, done, len(tasks), tasks[i].n)
				mu.Unlock()
			}
		})
	}
	for i := range tasks {
		next <- i // a context that has ended fails the rest at once
	}
	close(next)
	workers.Wait()
	return results
}

func (r *Rig) try(ctx context.Context, t task) (res Result) {
	res.Kind = t.kind
	for ; res.Disturbed < attempts; res.Disturbed++ {
		if res.Err = ctx.Err(); res.Err != nil {
			return res
		}
		res.Measure, res.Story, res.Err = r.once(ctx, t, res.Disturbed)
		if !errors.Is(res.Err, errDisturbed) {
			return res
		}
		res.Why = res.Err
	}
	return res
}

func (r *Rig) once(ctx context.Context, t task, attempt int) (m Measure, story string, err error) {
	trial, err := r.begin(t.kind, t.n+1000*attempt)
	if err != nil {
		return m, "", err
	}
	defer func() { err = errors.Join(err, trial.end()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not in %v", patience))
	defer cancel()
	m, err = t.try(ctx, trial)
	if errors.Is(err, errDisturbed) {
		if worse := trial.aftermath(ctx); worse != nil {
			err = fmt.Errorf("%v; and then: %w", err, worse) //nolint:errorlint // no longer a disturbance
		}
	}
	if err != nil {
		story = trial.Story() // before everything is cleared away
	}
	return m, story, err
}

func (res Result) print(out io.Writer, done, all, n int) {
	if res.Err != nil {
		fmt.Fprintf(out, "FAIL %3d/%d  %-34s %3d  %v\n%s\n", done, all, res.Kind, n, res.Err, res.Story)
		return
	}
	note := ""
	if res.Disturbed > 0 {
		note = fmt.Sprintf("  (tried again %d times: %v)", res.Disturbed, res.Why)
	}
	if res.Excused > 0 {
		note += "  (two ran, on purpose)"
	}
	fmt.Fprintf(out, "ok   %3d/%d  %-34s %3d  %6v, %3.0f %% of %v%s\n",
		done, all, res.Kind, n, res.Took.Round(10*time.Millisecond), 100*res.Share(), res.Within, note)
}
