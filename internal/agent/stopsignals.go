//go:build linux

package agent

import (
	"os"
	"strings"
	"syscall"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/settings"
)

// stopSignals are the signals that ask to stop, by the setting.
func stopSignals(s *settings.Settings) proctree.SignalSet {
	set := proctree.Signals(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	switch s.StopSignal {
	case settings.None:
	case settings.Any:
		set |= guard.AnyStop()
	default:
		for name := range strings.SplitSeq(s.StopSignal, ",") {
			if sig, err := settings.Signal(name); err == nil { // it has been checked
				set |= proctree.Signals(sig)
			}
		}
	}
	return set
}

// asking are those of them that can be caught, for a gate that has nobody to hand a signal to.
func asking(s *settings.Settings) []os.Signal {
	usual := []os.Signal{syscall.SIGTERM, syscall.SIGINT}
	caught, err := guard.Signals()
	if err != nil {
		return usual // what was ignored at the start is not known
	}
	set := stopSignals(s)
	var all []os.Signal
	for _, sig := range caught {
		if number, ok := sig.(syscall.Signal); ok && set.Has(number) {
			all = append(all, sig)
		}
	}
	return append(all, usual...)
}
