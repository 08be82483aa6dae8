//go:build linux

package agent

import (
	"fmt"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/problem"
)

// isolate says what keeps the command of a run from its gate and guard, and in
// words what is in force on this kernel. What was asked for and cannot be had is refused.
func isolate(s *settings.Settings) (guard.Isolation, string, error) {
	wanted, missing := guard.IsolateNothing, ""
	switch s.Isolation {
	case settings.Signals:
		wanted = guard.IsolateSignals
	case settings.PIDs:
		wanted = guard.IsolatePIDs
	case settings.Auto:
		if !s.InPod {
			break
		}
		if err := guard.IsolateSignals.Check(); err != nil {
			missing = fmt.Sprintf(" (no signal scope: %v)", err)
			break
		}
		wanted = guard.IsolateSignals
	}
	if err := wanted.Check(); err != nil {
		return 0, "", &Exit{settings.ExitUsage, problem.Of("isolation", fmt.Errorf("%s: %w", s.Isolation, err), "choose another one, or auto")}
	}
	return wanted, wanted.Layers(guard.CheckTimers()) + missing, nil
}

// Layers is what the first line of a run's log would say here.
func Layers(s *settings.Settings) string {
	_, said, err := isolate(s)
	if err != nil {
		said = "run would refuse to start: " + err.Error()
	}
	for _, i := range []struct {
		name string
		guard.Isolation
	}{{settings.Signals, guard.IsolateSignals}, {settings.PIDs, guard.IsolatePIDs}} {
		can := "can be had here"
		if err := i.Check(); err != nil {
			can = "cannot be had here: " + err.Error()
		}
		said += fmt.Sprintf("; --isolation %s %s", i.name, can)
	}
	return said
}
