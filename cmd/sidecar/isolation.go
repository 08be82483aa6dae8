//go:build linux

package main

import (
	"fmt"

	"github.com/mongogate/mongogate/internal/config"
	"github.com/mongogate/mongogate/internal/guard"
)

// isolate says what keeps the command of a run from its gate and guard, and in
// words what is in force on this kernel. What was asked for and cannot be had is refused.
func isolate(s *config.Settings) (guard.Isolation, string, error) {
	wanted, missing := guard.IsolateNothing, ""
	switch s.Isolation {
	case config.Signals:
		wanted = guard.IsolateSignals
	case config.PIDs:
		wanted = guard.IsolatePIDs
	case config.Auto:
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
		return 0, "", &exit{config.ExitUsage, fmt.Errorf("isolation: %s: %w; choose another one, or auto", s.Isolation, err)}
	}
	return wanted, wanted.Layers(guard.CheckTimers()) + missing, nil
}
