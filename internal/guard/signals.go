//go:build linux

package guard

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// lastSignal is the highest real-time signal.
const lastSignal = syscall.Signal(64)

// Signals are those that a gate catches and hands to [Workload.Forward]: all,
// real-time ones too, but for
//   - those that cannot be caught: SIGKILL, SIGSTOP, and 32 to 34, which Go leaves alone;
//   - SIGURG (Go's own), SIGCHLD (our guard's), SIGPIPE (our own pipes');
//   - SIGTTIN and SIGTTOU, which tell the gate that it is not in the
//     foreground, as it should be (caught, SIGTTOU would repeat forever);
//   - those that were ignored when the gate was started, so that nohup holds.
//
// It is to be called before anything changes what is ignored.
func Signals() ([]os.Signal, error) {
	ignored, err := proctree.Ignored()
	if err != nil {
		return nil, err
	}
	var all []os.Signal
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		switch sig {
		case unix.SIGURG, unix.SIGCHLD, unix.SIGPIPE, unix.SIGTTIN, unix.SIGTTOU:
		default:
			if catchable(sig) && !ignored.Has(sig) {
				all = append(all, sig)
			}
		}
	}
	return all, nil
}

func catchable(sig syscall.Signal) bool {
	switch sig {
	case unix.SIGKILL, unix.SIGSTOP, 32, 33, 34:
		return false
	default:
		return sig >= 1 && sig <= lastSignal
	}
}

// usualStops ask to stop whatever is said: whoever sends one wants the workload to end.
var usualStops = proctree.Signals(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT) //nolint:gochecknoglobals // a constant

// AnyStop is the set of signals that may be meant as a request to stop, where
// nobody has said which one is: an image's STOPSIGNAL and a unit's KillSignal
// can be any. Left out are those that certainly are none: SIGCONT and SIGTSTP,
// which a shell sends, and, at a terminal, SIGWINCH.
func AnyStop() proctree.SignalSet {
	set := ^proctree.Signals(unix.SIGCONT, unix.SIGTSTP, unix.SIGURG, unix.SIGCHLD)
	if tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err == nil {
		unix.Close(tty)
		set &^= proctree.Signals(unix.SIGWINCH)
	}
	return set
}

// stops are the signals that ask to stop.
func (c Command) stops() proctree.SignalSet { return c.Stops | usualStops }

// dropped are the signals that the guard catches and drops. It does not
// ignore them, because what is ignored stays so in the command, and it leaves
// alone what was ignored at the start, because that is to stay so. SIGURG is Go's
// own and does nothing; SIGCHLD is waited for.
func dropped(ignored proctree.SignalSet) []os.Signal {
	var all []os.Signal
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		if catchable(sig) && !ignored.Has(sig) && sig != unix.SIGURG && sig != unix.SIGCHLD {
			all = append(all, sig)
		}
	}
	return all
}
