package gate

import (
	"time"

	"github.com/mongogate/mongogate/pkg/boottime"
)

// Clock measures leases. Instants are durations since some fixed moment, the
// machine's boot for [BootClock]; only their differences mean anything.
type Clock interface {
	Now() time.Duration
}

// BootClock is the machine's clock since boot, suspended time included; see [boottime.Clock].
func BootClock() Clock { return boottime.Clock{} }
