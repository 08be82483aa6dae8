//go:build linux

package trials

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Count is what came of the trials of one kind.
type Count struct {
	Kind           string
	Trials, Passed int
	Disturbed      int
	Excused        int // trials in which two ran, on purpose
	P50, Slowest   time.Duration
	Within         time.Duration
}

// Counts adds results up by kind, in the order in which kinds first appear.
func Counts(results []Result) []Count {
	var counts []Count
	took := map[string][]time.Duration{}
	for _, r := range results {
		i := slices.IndexFunc(counts, func(c Count) bool { return c.Kind == r.Kind })
		if i < 0 {
			i = len(counts)
			counts = append(counts, Count{Kind: r.Kind})
		}
		c := &counts[i]
		c.Trials++
		c.Disturbed += r.Disturbed
		if r.Excused > 0 {
			c.Excused++
		}
		if r.Err != nil {
			continue
		}
		c.Passed++
		c.Within = r.Within
		took[r.Kind] = append(took[r.Kind], r.Took)
	}
	for i := range counts {
		if all := took[counts[i].Kind]; len(all) > 0 {
			slices.Sort(all)
			counts[i].P50, counts[i].Slowest = all[len(all)/2], all[len(all)-1]
		}
	}
	return counts
}

// Passed says whether every trial has.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Err != nil })
}

// Table is counts as a table in Markdown.
func Table(counts []Count) string {
	var s strings.Builder
	fmt.Fprintln(&s, "| kind | trials | passed | p50 | slowest | slowest, share of its bound | bound |")
	fmt.Fprintln(&s, "|---|---:|---:|---:|---:|---:|---:|")
	for _, c := range counts {
		share := "-"
		if c.Within > 0 {
			share = fmt.Sprintf("%.0f %%", 100*float64(c.Slowest)/float64(c.Within))
		}
		fmt.Fprintf(&s, "| %s | %d | %d | %.2f s | %.2f s | %s | %v |\n", c.Kind, c.Trials, c.Passed, c.P50.Seconds(), c.Slowest.Seconds(), share, c.Within)
	}
	return s.String()
}

// Summary says in a few lines what was proved.
func Summary(results []Result) string {
	passed, disturbed, excused := 0, 0, 0
	for _, c := range Counts(results) {
		passed += c.Passed
		disturbed += c.Disturbed
		excused += c.Excused
	}
	return fmt.Sprintf("%d of %d trials passed. Two holders at once: 0 in those that passed, but for %d in which the promise was left on purpose. Disturbed and tried again: %d.",
		passed, len(results), excused, disturbed)
}

// Document is the page docs/internals/proof.md.
func (r *Rig) Document(w io.Writer, results []Result, elections string, now time.Time) error {
	_, err := fmt.Fprintf(w, `# What was proved, and how

Written by `+"`make prove`"+` on %s: %s/%s, %d cores, %s.

%s

%s
%s

Every trial is real processes: `+"`mongogate run`"+` with its guard and a workload, a challenger with another state
directory that waits for the same key, and between the holder and the database a proxy that breaks the connection. A witness that knows nothing of
locks (test/witness) reads what the workloads append to a log, and looks in the table of processes for every process that bears a workload's
mark, whatever it has forked.

**The protocol itself**, its next step included, is a small model of which every state is visited: [the model](model.md), by `+"`make spin`"+`.

**Lost leases** (the first ten rows): the time runs from the moment the last acknowledged renewal was sent, as the lease file says and the proxy
confirms, to the moment the witness found nothing left of the workload. Its bound is the ttl. The challenger then runs, with a
higher token, and never beside the holder; "forks twice" goes through five faults in turn (database cut and frozen, gate stopped and killed, guard killed).
Where the gate or the guard is killed, the other one stops the workload at once: within the kill budget of the kill.
"Ends and leaves a daemon": the daemon ignores SIGTERM, is gone before the lock is free, and the time
runs from the end of the command at the latest.

**Commands that stop or kill their gate and guard**: as a user that is not root, by themselves or by a daemon that they have left behind, with kernel timers alone
and under Landlock's signal scope (`+"`--isolation signals`"+`); the database is cut off in the same moment. The time runs from there to the moment at which nothing is left; the bound is the ttl. What is not
covered is [named](../use/safety.md#a-command-against-its-gate) and not among the rows.

**Nobody takes what a gate has** (the rows "unread", with a ttl of 10 s): its log, at the level debug, goes to a full pipe, a terminal stopped by ^S, a pipe without a reader; scrapers and probes ask and never read; the API server
answers no Event and no label (that gate is built with a service account where the trial can write one); an observer of the library never returns. An outage of half a ttl, at any moment, costs no lease: it is renewed by a request that was sent after it.
Then the database is cut off for good: nothing of the workload is left within a ttl, the challenger takes over, and the time runs from the cut to the end of the gate, with code 88, or to the return of the library's release and Close.

**Hand-overs after kill -9** of gate, guard and workload: the time runs from the kill, or from the start of the one who came later, to
the first line of the next workload. The bound is ttl + grace + one poll + one operation = %v. Nobody took over before ttl + grace of silence.

**Scheduled runs** (`+"`--bucket`"+`): the winner is killed, two contenders in two clusters start; one takes over and runs, the other skips on the proof that it does, a
third one skips on the record that it did. Nobody skips a run that nobody does.

**Elections**: the real driver goes through elections of every kind, with the server's own times (10 s and more to elect) and the default ttl of 30 s; a proxy (test/electproxy)
shows three members over the one server. Three contenders of the library for each key, scheduled runs with three contenders each, before and amid each election, and a release in the middle of it; and three gates of the built binary for one more key
on each set, each started again when it has lost its lease. An outage is the time in which no primary acknowledges. A successor may take one operation, one poll and a second after the election.
Where no primary acknowledges for longer than the lease (no majority), nothing can be given back, and the successor waits as for a holder that died: ttl + grace from the last renewal that it has seen, most of which is over by then.

%s
Timing of all but the elections and the rows "unread": ttl %v, heartbeat %v, operation %v, kill budget %v, SIGKILL after %v, grace %v, poll %v (the default ttl is 30s). The share of the bound depends
on the kill budget more than on the machine: a workload that obeys SIGTERM is gone soon after (ttl − kill budget − drift) / ttl = %.0f %% of the ttl.

**Linearizability**: clients of the library acquire, renew, release, mark as done, revoke and force the same keys at once, while the server is killed, frozen, cut off, slow, loses answers, and goes through elections
(real ones where a `+"`mongod`"+` is named, else those that test/electproxy shows). [porcupine](https://github.com/anishathalye/porcupine) looks for an order of the calls, each between its beginning and its end, that explains every answer: who acquires, and with which token; nobody takes over
sooner than ttl + grace after an acknowledged renewal; who may rely on its lease has the key; refusals, losses and reads say what was. What a call without an answer came to is read from the documents, which list their acquisitions; a history that is not decided in 20 s is a failure.
`+"`make linear`"+` has 100 histories of at least 200 answered calls (2026-12-01, on the engine: 28,664 calls, 18 %% of them without an answer, 284 leases taken over, 0 violations, the slowest judged in 0.13 s; 6 minutes in two runs, 80 and 20, on two busy cores). Thirteen planted bugs (writes that were acknowledged and not made, answers and reads of earlier states, a release of
what another has, held and done keys that are taken, a take-over too early, tokens given twice or too small) are found in the first two histories, of a store in memory behind a bad network. `+"`make test`"+` has 4 histories on a server, and all planted bugs.
`,
		now.UTC().Format("2006-01-02"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(),
		r.Server.Banner(), Table(Counts(results)), Summary(results), handOver,
		elections, ttl, heartbeat, operation, budget, killAfter, grace, poll, 100*float64(timing().Deadline(0))/float64(ttl))
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}
