//go:build linux

package witness

import "fmt"

// Overlap is two runs of one key that lived at once.
type Overlap struct{ A, B Run }

func (o Overlap) String() string {
	return fmt.Sprintf("two at once: %v; and %v; %v before the first was last seen", o.A, o.B, o.A.Seen.Sub(o.B.Start))
}

// Overlaps are the pairs of runs of a key, in different pods, of which the
// second was started before the first was last seen alive. The kernel rounds
// times of start down, so that one tick is allowed for.
//
// Two containers of one pod are one workload: see Crowds.
func (w *Witness) Overlaps(key string) []Overlap {
	return overlaps(w.Runs(key), func(a, b Run) bool { return a.Pod != b.Pod })
}

// Crowds are the overlaps of runs of a key inside of one pod: of two containers,
// or of a container and the one that replaces it.
func (w *Witness) Crowds(key string) []Overlap {
	return overlaps(w.Runs(key), func(a, b Run) bool { return a.Pod == b.Pod })
}

func overlaps(runs []Run, matters func(a, b Run) bool) []Overlap {
	var found []Overlap
	for i, a := range runs {
		for _, b := range runs[i+1:] {
			first, second := a, b
			if b.Start.Before(a.Start) {
				first, second = b, a
			}
			if matters(a, b) && first.Seen.After(second.Start.Add(tick)) {
				found = append(found, Overlap{first, second})
			}
		}
	}
	return found
}
