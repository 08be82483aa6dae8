//go:build linux

package trials

import (
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// The timing of all trials. The ttl is short, so that many trials fit, and
// long enough for two busy cores not to break what is not broken: between the
// SIGKILL and the ttl there are 600 ms for the kernel to end the tree and for the
// observer to see it (two looks, 20 ms apart), where the defaults (kill budget ttl/6,
// SIGKILL at three quarters of it) would leave 200 ms of the same ttl. A call may take
// 900 ms, and one renewal may fail; a guard has as long to start and to confirm.
const (
	ttl       = 4 * time.Second
	heartbeat = 900 * time.Millisecond
	operation = 900 * time.Millisecond
	budget    = time.Second
	killAfter = 400 * time.Millisecond
	grace     = 600 * time.Millisecond
	poll      = 600 * time.Millisecond
)

// timing is the same for the arithmetic of deadlines.
func timing() mongolock.Timing {
	return mongolock.Timing{TTL: ttl, Heartbeat: heartbeat, Operation: operation, KillBudget: budget, Grace: grace, AllowShort: true}
}

// sentOf is when the request was sent that a deadline counts from.
func sentOf(deadline time.Duration) time.Duration { return deadline - timing().Deadline(0) }

// timingFlags are the timing as flags of mongogate run.
func timingFlags() []string {
	return []string{
		"--ttl", ttl.String(), "--heartbeat", heartbeat.String(), "--operation-timeout", operation.String(),
		"--kill-budget", budget.String(), "--kill-after", killAfter.String(),
		"--grace", grace.String(), "--poll-interval", poll.String(), "--allow-short-ttl",
	}
}

// handOver is how long one who was waiting may take to replace a holder that
// was killed. It holds from the kill; the silence that is waited for began up to a
// heartbeat earlier.
const handOver = ttl + grace + poll + operation
