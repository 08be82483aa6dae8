//go:build linux

package guard

import (
	"sync"
	"time"
)

// secondLook is given to a confirmation that may be in the pipe already: the
// gate itself may have been stopped for longer than the guard has time.
const secondLook = 20 * time.Millisecond

// lapse finds out that what was told is not confirmed in time. It keeps the
// read deadline of the status pipe at the moment when the oldest of what is
// unconfirmed is due.
type lapse struct {
	within time.Duration
	set    func(time.Time) error

	mu       sync.Mutex
	pending  []pending
	looked   bool // the second look has been granted
	disarmed bool
}

type pending struct {
	seq uint64
	due time.Time
}

func newLapse(within time.Duration, set func(time.Time) error) *lapse {
	return &lapse{within: within, set: set}
}

func (l *lapse) sent(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.disarmed {
		return
	}
	l.pending = append(l.pending, pending{seq, time.Now().Add(l.within)})
	if len(l.pending) == 1 {
		l.arm()
	}
}

// confirmed covers everything up to seq.
func (l *lapse) confirmed(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) > 0 && l.pending[0].seq <= seq {
		l.pending = l.pending[1:]
	}
	l.arm()
}

// overdue is asked when the read deadline has passed.
func (l *lapse) overdue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.disarmed || len(l.pending) == 0 || time.Now().Before(l.pending[0].due) {
		l.arm()
		return false
	}
	if !l.looked {
		l.looked = true
		_ = l.set(time.Now().Add(secondLook))
		return false
	}
	return true
}

// stop ends the watch: nothing is to be confirmed any more.
func (l *lapse) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disarmed = true
	_ = l.set(time.Time{})
}

func (l *lapse) arm() {
	l.looked = false
	due := time.Time{} // none
	if !l.disarmed && len(l.pending) > 0 {
		due = l.pending[0].due
	}
	_ = l.set(due)
}
