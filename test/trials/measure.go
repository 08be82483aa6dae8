//go:build linux

package trials

import (
	"fmt"
	"time"
)

// Measure is what a trial measured.
type Measure struct {
	// Took is the time that is bounded, Within its bound.
	Took, Within time.Duration
	// Excused are overlaps where the promise had been left on purpose.
	Excused int
}

// Share is Took as a share of its bound.
func (m Measure) Share() float64 {
	if m.Within == 0 {
		return 0
	}
	return float64(m.Took) / float64(m.Within)
}

// took measures from one instant to another, and says whether that is within
// the bound.
func (t *Trial) took(from, to, within time.Duration, what string) (Measure, error) {
	m := Measure{Took: to - from, Within: within}
	if m.Took <= within {
		return m, nil
	}
	err := fmt.Errorf("%s %v later, and must within %v", what, m.Took, within)
	if t.rig.stalls.during(from, to) {
		err = fmt.Errorf("%w: the machine let nobody run, and %w", errDisturbed, err)
	}
	return m, err
}
