//go:build linux

package prove

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

func (m Measure) check(what string) error {
	if m.Took > m.Within {
		return fmt.Errorf("%s %v later, and must within %v", what, m.Took, m.Within)
	}
	return nil
}
