package gate

import "time"

// Clock measures leases. Instants are durations since some fixed moment, the
// machine's boot for [BootClock]; only their differences mean anything.
type Clock interface {
	Now() time.Duration
}
