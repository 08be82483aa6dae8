// Package boottime is the clock by which leases are measured.
//
// Promised on Linux: it runs on while the machine is suspended, has the same reading in every process of a boot, and is
// never set. Not promised elsewhere: there it is Go's monotonic clock, which begins with the process and may stand still
// while the machine is suspended, so that a lease may be believed for too long after the machine wakes.
// The package imports the standard library only.
package boottime

import "time"

// Clock reads the time since boot. Its zero value works.
type Clock struct{}

// Now is the time since boot, suspended time included.
func (Clock) Now() time.Duration { return now() }
