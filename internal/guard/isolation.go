//go:build linux

package guard

import (
	"fmt"
	"strings"

	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/internal/proctree"
)

// Isolation is what keeps the command from signalling those who watch it,
// besides the kernel timers of gate and guard, which are always there.
type Isolation int

const (
	// IsolateNothing lets the command signal every process of its user.
	IsolateNothing Isolation = iota
	// IsolateSignals puts the command into a Landlock domain, from which it can signal only what it has started.
	IsolateSignals
	// IsolatePIDs puts the command into a process namespace of its own. It sees no process outside,
	// and the kernel ends all of it with the guard.
	IsolatePIDs
)

// Check is nil where this kernel and this user can have it.
func (i Isolation) Check() error {
	switch i {
	case IsolateSignals:
		return proctree.CanScopeSignals()
	case IsolatePIDs:
		return checkNamespace()
	default:
		return nil
	}
}

// Layers says, for people, what protects gate and guard from their command
// here, and what that leaves open. noTimer is why there are no kernel timers; nil where there are.
func (i Isolation) Layers(noTimer error) string {
	var have, open []string
	if noTimer == nil {
		have = append(have, "kernel timers wake a stopped gate or guard")
	} else {
		open = append(open, fmt.Sprintf("gate and guard both stopped, because there are no kernel timers (%v)", noTimer))
	}
	switch i {
	case IsolateSignals:
		have = append(have, "Landlock keeps the command from signalling them")
		open = append(open, "resource limits (prlimit) that the command sets for them", "another process of the same user that kills both")
	case IsolatePIDs:
		have = append(have, "a process namespace keeps the command from seeing them and ends with the guard")
		open = append(open, "another process of the same user that kills both: all of the command ends with them")
	default:
		open = append(open, "what the command has started lives on if it kills both at once, or stops both again and again")
	}
	return strings.Join(have, "; ") + "; not covered: " + strings.Join(open, "; ")
}

// CheckTimers is nil where kernel timers can be made.
func CheckTimers() error {
	t, err := lasttimer.New()
	if err != nil {
		return err
	}
	return t.Close()
}
