//go:build linux

package witness

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Run is what a log says of one workload.
type Run struct {
	Key, ID string
	Token   int64
	// Start is its first line, LastAlive the last instant at which it was alive
	// for certain, and Gone the one from which on it was not; zero: never verified.
	Start, LastAlive, Gone time.Duration
	// Ended is when it ended by its own will, zero if it did not.
	Ended time.Duration
	// Beside are the workloads that its start found alive.
	Beside []string
	// Note is that of its start.
	Note string
}

// Overlap is two workloads of one key that were seen to run at once.
type Overlap struct {
	Key           string
	First, Second string // their IDs, in the order of start
	// For is how long for certain; zero where it was seen but not measured.
	For time.Duration
	// Excused: the promise had been left on purpose before.
	Excused bool
}

// Verdict is what a log proves.
type Verdict struct {
	// Runs are in the order of start.
	Runs []Run
	// Overlaps that nobody excused are faults; the others are only counted.
	Overlaps []Overlap
	Excused  int
	// Faults are everything that must not be, one line each.
	Faults []string
}

// Clean is true if nothing is held against anybody.
func (v *Verdict) Clean() bool { return len(v.Faults) == 0 }

// Of is the verdict's part on one workload, nil if it never started.
func (v *Verdict) Of(id string) *Run {
	for i := range v.Runs {
		if v.Runs[i].ID == id {
			return &v.Runs[i]
		}
	}
	return nil
}

// Judge reads the entries of a log in any order and gives the verdict on all keys in it.
func Judge(entries []Entry) Verdict {
	var v Verdict
	excused := map[string]time.Duration{}
	runs, faults := collect(entries, excused)
	v.Faults = faults
	byKey := map[string][]Run{}
	for _, r := range runs {
		byKey[r.Key] = append(byKey[r.Key], r)
		v.Runs = append(v.Runs, r)
		if r.Gone == 0 {
			v.fault("%s of key %q was never verified gone", r.ID, r.Key)
		}
	}
	for key, of := range byKey {
		v.tokens(key, of)
		since, ok := excused[key]
		for i, second := range of {
			for _, first := range of[:i] {
				o, found := overlap(first, second)
				if !found {
					continue
				}
				if o.Excused = ok && since <= second.Start; o.Excused {
					v.Excused++
				} else {
					v.fault("two holders of key %q: %s and %s, for %v at least", key, o.First, o.Second, o.For)
				}
				v.Overlaps = append(v.Overlaps, o)
			}
		}
	}
	slices.Sort(v.Faults)
	return v
}

func (v *Verdict) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

// tokens must grow strictly in the order of start; no excuse helps.
func (v *Verdict) tokens(key string, runs []Run) {
	for i, r := range runs {
		if r.Token <= 0 {
			v.fault("%s of key %q has no fencing token", r.ID, key)
		}
		if i > 0 && r.Token <= runs[i-1].Token {
			v.fault("the tokens of key %q do not grow: %s had %d, %s after it %d", key, runs[i-1].ID, runs[i-1].Token, r.ID, r.Token)
		}
	}
}

// overlap says whether first was seen alive after second had begun.
func overlap(first, second Run) (Overlap, bool) {
	o := Overlap{Key: first.Key, First: first.ID, Second: second.ID}
	o.For = max(0, min(first.LastAlive, second.LastAlive)-second.Start)
	return o, first.LastAlive > second.Start || slices.Contains(second.Beside, first.ID)
}

// collect puts the lines of each workload together, in the order of start.
func collect(entries []Entry, excused map[string]time.Duration) (runs []Run, faults []string) {
	byID := map[string]*Run{}
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.At, b.At) })
	for _, e := range entries {
		if e.Event == Excuse {
			if _, ok := excused[e.Key]; !ok {
				excused[e.Key] = e.At
			}
			continue
		}
		r := byID[e.ID]
		switch {
		case r == nil && e.Event == Gone:
			faults = append(faults, fmt.Sprintf("%s of key %q is gone and had never started", e.ID, e.Key))
			continue
		case r == nil: // whatever its first line says
			r = &Run{Key: e.Key, ID: e.ID, Token: e.Token, Start: e.At, LastAlive: e.At, Note: e.Note}
			byID[e.ID] = r
		case e.Key != r.Key, e.Event != Gone && e.Token != r.Token:
			faults = append(faults, fmt.Sprintf("%s of key %q, token %d, speaks of key %q, token %d", e.ID, r.Key, r.Token, e.Key, e.Token))
		}
		switch e.Event {
		case Gone:
			r.LastAlive = max(r.LastAlive, e.Alive)
			if r.Gone == 0 {
				r.Gone = e.At
			}
			continue
		case Start:
			r.Beside = append(r.Beside, e.Beside...)
		case End:
			r.Ended = e.At
		}
		r.LastAlive = max(r.LastAlive, e.At)
		if r.Gone != 0 {
			faults = append(faults, fmt.Sprintf("%s of key %q was verified gone and wrote %v later", e.ID, e.Key, e.At-r.Gone))
		}
	}
	for _, r := range byID {
		runs = append(runs, *r)
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.Start, b.Start) })
	return runs, faults
}
