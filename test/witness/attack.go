//go:build linux

package witness

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
)

// What a workload can do to those who watch it: its parent (the guard) and its parent's parent (the gate).
const (
	StopAll  = "stop-all"  // kill -STOP -1
	KillAll  = "kill-all"  // kill -9 -1
	StopBoth = "stop-both" // kill -STOP of the two
	KillBoth = "kill-both" // kill -9 of the two
)

// NoteAttack is the note of the beat before an attack.
const NoteAttack = "attacks"

// watchers are the guard and the gate of the calling process, as it sees them.
func watchers() (string, error) {
	guard := os.Getppid()
	p, err := proctree.Look(guard)
	if err != nil {
		return "", fmt.Errorf("the workload's guard: %w", err)
	}
	return strconv.Itoa(guard) + "," + strconv.Itoa(p.PPID), nil
}

// attackLater attacks after a time, in a goroutine that ends with the process.
func (w Work) attackLater(log *Log, e Entry) error {
	if w.Attack == "" {
		return nil
	}
	var guard, gate int
	if _, err := fmt.Sscanf(w.Watchers, "%d,%d", &guard, &gate); err != nil {
		return fmt.Errorf("-watchers %q: %w", w.Watchers, err)
	}
	targets, sig := []int{guard, gate}, syscall.SIGSTOP
	switch w.Attack {
	case StopAll:
		targets = []int{-1}
	case KillAll:
		targets, sig = []int{-1}, syscall.SIGKILL
	case StopBoth:
	case KillBoth:
		sig = syscall.SIGKILL
	default:
		return errors.New("no such attack: " + w.Attack)
	}
	if os.Geteuid() == 0 && targets[0] == -1 {
		return errors.New("as root this would stop the machine")
	}
	time.AfterFunc(w.After, func() {
		e.At, e.Event, e.Note = 0, Beat, NoteAttack
		if err := log.Write(e); err != nil {
			return // nobody waits for an attack that nobody knows of
		}
		for _, pid := range targets {
			_ = syscall.Kill(pid, sig) // refused, or there is none: that is what is tried
		}
	})
	return nil
}
