package linear

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// verdict is what is to be said of a history.
type verdict struct {
	answered, unknown int // operations that asked the database
	ghosts            int // acquisitions that nobody was told of
	takenOver         int
	took              time.Duration // to judge; of several, the longest
	// wrong is empty where there is an order that explains every answer.
	wrong []string
	// illegal: there is none. Else what is wrong shows in another way.
	illegal bool
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d operations, %d without an answer; %d leases taken over, %d acquisitions that nobody was told of; judged in %v",
		v.answered+v.unknown, v.unknown, v.takenOver, v.ghosts, v.took.Round(time.Millisecond))
}

func (v *verdict) add(o *verdict) {
	v.answered += o.answered
	v.unknown += o.unknown
	v.ghosts += o.ghosts
	v.takenOver += o.takenOver
	v.took = max(v.took, o.took)
}

// decided is how long the judgement of a history may take. Longer is a failure.
const decided = 20 * time.Second

// judge looks for an order of all operations on each key.
func (h *history) judge() *verdict {
	v := &verdict{}
	for _, o := range h.operations {
		switch {
		case o.got == unknown:
			v.unknown++
		case o.do != rely:
			v.answered++
		}
	}
	began := time.Now()
	m := model(h.silence)
	for _, key := range h.keys {
		operations, ghosts, err := settled(key, h.operations, h.pages, owner, h.weak)
		if err != nil {
			v.wrong = append(v.wrong, err.Error())
			continue
		}
		v.ghosts += ghosts
		for _, o := range operations {
			if o.how == "taken-over" {
				v.takenOver++
			}
		}
		switch check(m, operations, decided-time.Since(began)) {
		case porcupine.Ok:
		case porcupine.Illegal:
			v.illegal = true
			v.wrong = append(v.wrong, fmt.Sprintf("key %s: no order explains this:\n%s", key, listed(firstIllegal(m, operations))))
		default:
			v.wrong = append(v.wrong, fmt.Sprintf("key %s: not decided in %v:\n%s", key, decided, listed(operations)))
		}
	}
	v.took = time.Since(began)
	return v
}

func check(m porcupine.Model, operations []operation, within time.Duration) porcupine.CheckResult {
	var all []porcupine.Operation
	for _, o := range operations {
		all = append(all, porcupine.Operation{ClientId: o.client, Input: o, Call: int64(o.call), Return: int64(o.back)})
	}
	return porcupine.CheckOperationsTimeout(m, all, max(time.Millisecond, within))
}

// firstIllegal is the shortest beginning that cannot be explained, for people to read. What had not ended by then may have taken effect.
func firstIllegal(m porcupine.Model, operations []operation) []operation {
	ends := slices.Clone(operations)
	slices.SortFunc(ends, func(a, b operation) int { return cmp.Compare(a.back, b.back) })
	for _, end := range ends {
		var beginning []operation
		for _, o := range operations {
			if o.call > end.back {
				continue
			}
			if o.back > end.back {
				o.pending, o.back = true, forever
			}
			beginning = append(beginning, o)
		}
		if check(m, beginning, time.Second) == porcupine.Illegal {
			return beginning
		}
	}
	return operations
}

func listed(operations []operation) string {
	var lines []string
	for _, o := range operations {
		lines = append(lines, o.String())
	}
	return strings.Join(lines, "\n")
}
