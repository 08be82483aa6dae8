//go:build linux

package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/lasttimer"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Name is the hidden subcommand: a binary whose gates are to have guards calls
// [Main] with os.Args[2:] when os.Args[1] is Name, before anything else, and exits with the answer.
const Name = "__guard"

// Descriptors that the gate hands to its guard, after standard input, output
// and error. The one after them, if any, is the flock, which only has to stay open.
const (
	controlFD = 3
	statusFD  = 4
)

// exitUsage: this was no call by a gate.
const exitUsage = 64

// spec is what a guard is told in its arguments. The command is in the
// arguments too; environment, directory and standard descriptors are the command's.
type spec struct {
	KillAfter int64 `json:"killAfter"` // nanoseconds
	Kill      int64 `json:"kill"`      // the budget as a whole, in nanoseconds
	Timer     bool  `json:"timer,omitempty"`
	// Stops are the signals that ask to stop.
	Stops proctree.SignalSet `json:"stops"`
	// Isolation is the command's.
	Isolation Isolation `json:"isolation,omitempty"`
	WaitTree  bool      `json:"waitTree,omitempty"`
	First     bool      `json:"first,omitempty"`    // the gate is the first process of its namespace, all of which is stopped on a loss
	Terminal  bool      `json:"terminal,omitempty"` // standard input is a terminal that the command is to have
}

// Main is the guard's process, from its arguments to its exit code. It
// returns when no process of the command's tree is left.
func Main(args []string) int {
	if len(args) > 3 && args[0] == launchName {
		return launch(args[1:])
	}
	if len(args) > 1 && args[0] == initName {
		return initMain(args[1:])
	}
	var s spec
	if len(args) < 2 {
		return refuse(errUsage)
	}
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return refuse(err)
	}
	for _, fd := range []int{controlFD, statusFD} {
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
			return refuse(errUsage)
		}
	}
	// The command gets SIGKILL when the thread that has started it ends: this
	// one, which from here on ends with the process.
	runtime.LockOSThread()
	w, err := newWatch(s, args[1:])
	if err != nil {
		return refuse(err)
	}
	if err := w.run(); err != nil {
		return refuse(err)
	}
	return 0
}

// errUsage: a guard is no command for people.
var errUsage = errors.New("it is started by mongogate run only")

func refuse(why error) int {
	fmt.Fprintf(os.Stderr, "mongogate %s: %v\n", Name, why)
	return exitUsage
}

// newWatch makes the process a guard: what it catches, what it keeps to
// itself, whose orphans it takes.
func newWatch(s spec, command []string) (*watch, error) {
	ignored, err := proctree.Ignored()
	if err != nil {
		return nil, err
	}
	// Nobody reads the channel: delivery does not wait for readers.
	signal.Notify(make(chan os.Signal, 1), dropped(ignored)...)
	if err := closeOnExec(); err != nil {
		return nil, err
	}
	for _, prepare := range []func() error{proctree.HideMemory, proctree.BecomeSubreaper, proctree.DropNewPrivileges} {
		if err := prepare(); err != nil {
			return nil, err
		}
	}
	children, err := wakeOnChild()
	if err != nil {
		return nil, err
	}
	var last *lasttimer.Timer
	if s.Timer { // the gate could make one
		if last, err = lasttimer.New(); err != nil {
			return nil, err
		}
	}
	return &watch{
		spec: s, command: command, last: last,
		control: controlFD, status: statusFD, children: children,
		clock: gate.BootClock(),
		stop:  newStop(time.Duration(s.KillAfter)),
	}, nil
}

// closeOnExec keeps every descriptor but the standard three from the command:
// ours, the flock, and whatever the gate was started with.
func closeOnExec() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open descriptors: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// wakeOnChild gives a descriptor that becomes readable when a child has ended.
func wakeOnChild() (fd int32, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return 0, fmt.Errorf("make the wake-up pipe: %w", err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() { // ends with the process
		for range ended {
			_, _ = unix.Write(ends[1], []byte{0}) // a full pipe wakes as well
		}
	}()
	return int32(ends[0]), nil
}
