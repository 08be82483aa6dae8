//go:build !linux

package gate

import "time"

type startClock struct{ start time.Time }

// BootClock measures from the call on. Outside Linux it is Go's monotonic
// clock, which may stand still while the machine is suspended: a lease may
// then be believed for too long after the machine wakes.
func BootClock() Clock { return startClock{time.Now()} }

func (c startClock) Now() time.Duration { return time.Since(c.start) }
