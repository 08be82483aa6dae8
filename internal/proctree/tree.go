//go:build linux

package proctree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Descendants lists the living processes below root, whatever session or
// group they have made for themselves. Orphans are found as long as root is a
// subreaper, see [BecomeSubreaper]. The processes of spare are left out, but
// not what is below them. As with [Scan], there may be a list and an error.
//
// Below the first process of a namespace is all of it: also what was started in it from outside (kubectl exec,
// docker exec, nsenter), whose parent is not seen.
func Descendants(root int, spare ...int) ([]Process, error) {
	all, err := Scan()
	return below(all, root, spare), err
}

func below(all []Process, root int, spare []int) []Process {
	children := make(map[int][]Process, len(all))
	for _, p := range all {
		children[p.PPID] = append(children[p.PPID], p)
	}
	var found []Process
	seen := map[int]bool{root: true} // a scan is no snapshot: ids used again could make a circle
	next := []int{root}
	if root == 1 {
		next = append(next, 0)
	}
	for len(next) > 0 {
		parent := next[0]
		next = next[1:]
		for _, p := range children[parent] {
			if seen[p.PID] {
				continue
			}
			seen[p.PID] = true
			next = append(next, p.PID) // below a zombie too: its other threads may have children
			if p.Alive() && !slices.Contains(spare, p.PID) {
				found = append(found, p)
			}
		}
	}
	return found
}

// Terminate sends SIGTERM, and SIGCONT so that stopped processes act on it, to
// every process below root that one scan shows. It is sent once and not to
// processes that are started later: they may be the workload's own clearing up.
func Terminate(root int, spare ...int) error {
	found, err := Descendants(root, spare...)
	if err != nil {
		err = fmt.Errorf("terminate the processes below %d: %w", root, err)
	}
	errs := []error{err}
	for _, p := range found {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
			if err := p.Signal(sig); err != nil && !errors.Is(err, ErrGone) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Continue sends SIGCONT to every process below root that is stopped, so that
// it can act on what else it was sent.
func Continue(root int) error {
	found, err := Descendants(root)
	errs := []error{err}
	for _, p := range found {
		if p.State != 'T' {
			continue
		}
		if err := p.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// states are those of which people should hear, see proc_pid_stat(5).
var states = map[byte]string{'D': "in uninterruptible sleep", 'T': "stopped", 't': "held by a debugger", 'R': "running", 'S': "sleeping", 'Z': "ended, with threads that live"} //nolint:gochecknoglobals // a constant table

// Describe names processes for people, some of them where there are many.
func Describe(all []Process) string {
	const most = 8
	var names []string
	for i, p := range all {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		state, ok := states[p.State]
		if !ok {
			state = "state " + string(p.State)
		}
		names = append(names, fmt.Sprintf("%d (%q, %s)", p.PID, p.Comm, state))
	}
	return strings.Join(names, ", ")
}

// KillPass sends SIGKILL to every process below root that one scan shows, and
// for some milliseconds to what root inherits from them. It tells how many the
// scan saw alive. None seen is no proof that none is left.
func KillPass(root int, spare ...int) (alive int, err error) {
	found, err := Descendants(root, spare...)
	if err != nil {
		err = fmt.Errorf("kill the processes below %d: %w", root, err)
	}
	alive, err = kill(found, err)
	chase(root, spare)
	return alive, err
}

// kill kills what was found, whatever went wrong with the rest.
func kill(found []Process, err error) (alive int, _ error) {
	errs := []error{err}
	for _, p := range found {
		if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	return len(found), errors.Join(errs...)
}

// Backoff is the pause between two passes over what has been killed already: as
// short as a process mostly takes to go, for a tree that moves on as fast as it
// is killed may need many, and in the end longer, so that a process that
// the kernel cannot end does not cost a core.
type Backoff struct{ n int }

// short is how many pauses are short: those of two to five seconds.
const short = 1000

// Next is 1 ms, and 16 ms from the thousandth on.
func (b *Backoff) Next() time.Duration {
	if b.n++; b.n <= short {
		return time.Millisecond
	}
	return 16 * time.Millisecond
}
