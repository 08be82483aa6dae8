//go:build linux

package twin

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/lasttimer"
)

// Descriptors that the twin hands to the gate, after standard input, output and error.
const (
	newsFD    = 3
	confirmFD = 4
)

// beat is how often the gate repeats what it has said last.
const beat = time.Second

// Link is the gate's end. It may be used by many goroutines; a nil one tells nobody.
type Link struct {
	confirmed lines
	last      *lasttimer.Timer

	mu      sync.Mutex
	plan    *Plan
	within  time.Duration
	now     news
	heard   uint64    // the newest that was confirmed
	known   uint64    // what heard was at the last beat
	beaten  time.Time // when the last beat was
	unheard int       // how many beats in a row have found nothing confirmed
	closed  bool
}

// errSilent says that there is no second process any more that would act for this one.
var errSilent = errors.New("the gate's twin does not answer")

// Attach takes the twin's end of a process that [Main] has started.
func Attach() (*Link, error) {
	for _, fd := range []int{newsFD, confirmFD} {
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
			return nil, fmt.Errorf("%s is started by mongogate sidecar only", Name)
		}
		unix.CloseOnExec(fd)
	}
	l := &Link{confirmed: lines{fd: confirmFD}}
	l.last, _ = lasttimer.New() // without, the twin is all there is
	return l, nil
}

// Arm says what is to be done. A twin that does not answer for as long as within is said to be silent by [Link.Beat].
func (l *Link) Arm(p Plan, within time.Duration) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.within = &p, within
	l.now.Stage = shut
	return l.tell()
}

// Keep has the twin see, in the place of a gate that ends, to a workload that may run until a deadline: it starts the gate again until then, and
// then carries the plan out. Where it knows of such a deadline it does so already.
func (l *Link) Keep(p Plan, deadline, within time.Duration) error {
	l.mu.Lock()
	if l.now.Stage == held || l.now.Stage == stopping {
		l.mu.Unlock()
		return nil
	}
	l.plan, l.heard = &p, 0
	l.now.Stage, l.now.At = held, deadline
	err := l.tell()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.Await(within)
}

// Held says until when the workload may run.
func (l *Link) Held(deadline time.Duration) {
	if l == nil {
		return
	}
	l.say(held, deadline)
	_ = l.last.Wake(deadline, deadline+l.budget())
}

// Stopping says that the gate stops the workload, and will have killed it at an instant.
func (l *Link) Stopping(killAt time.Duration) {
	if l == nil {
		return
	}
	l.say(stopping, killAt)
	_ = l.last.Wake(killAt, killAt+l.budget())
}

// Shut says that nothing of the workload may run.
func (l *Link) Shut() {
	if l == nil {
		return
	}
	l.say(shut, 0)
	_ = l.last.Disarm()
}

// Guarded is true where there is a twin.
func (l *Link) Guarded() bool { return l != nil }

func (l *Link) budget() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.plan == nil {
		return beat
	}
	return l.plan.Budget
}

func (l *Link) say(s stage, at time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Stage, l.now.At = s, at
	_ = l.tell() // what does not arrive is not confirmed
}

// tell sends the newest. The caller has the mutex, and has armed the link.
func (l *Link) tell() error {
	if l.plan == nil || l.closed {
		return nil
	}
	l.now.Seq++
	n := l.now
	if l.heard == 0 {
		n.Plan = l.plan
	}
	return send(newsFD, n)
}

// Await waits until the twin has confirmed what it was told, and no longer than within.
func (l *Link) Await(within time.Duration) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	want := l.now.Seq
	l.mu.Unlock()
	for end := time.Now().Add(within); ; {
		l.mu.Lock()
		err := l.read()
		heard := l.heard
		l.mu.Unlock()
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", errSilent, err)
		case heard >= want:
			return nil
		case time.Now().After(end):
			return errSilent
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: confirmFD, Events: unix.POLLIN}}, 50)
	}
}

// read takes confirmations. The caller has the mutex.
func (l *Link) read() error {
	all, err := l.confirmed.drain()
	for _, line := range all {
		var c confirmation
		if json.Unmarshal(line, &c) == nil {
			l.heard = max(l.heard, c.Seq)
		}
	}
	return err
}

// Beat repeats the newest, at most once a second, every other second while silence is no reason to act, and says whether the twin answers. It never waits.
func (l *Link) Beat() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.plan == nil || l.closed {
		return nil
	}
	every := beat
	if l.now.Stage == held || l.now.Stage == shut && !l.plan.Kill {
		every = 2 * beat // the twin waits for the deadline, whatever it hears until then, or has nothing to stop
	}
	if time.Since(l.beaten) < every {
		return nil
	}
	l.beaten = time.Now()
	err := l.read()
	// Beats are counted and not time: who was frozen itself has sent none.
	if l.unheard++; l.heard > l.known {
		l.known = l.heard
		l.unheard = 0
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	if time.Duration(l.unheard)*every > max(l.within, 3*beat) {
		return errSilent
	}
	return l.tell()
}
