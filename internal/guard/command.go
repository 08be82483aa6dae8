//go:build linux

package guard

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/pkg/gate"
)

// What the command finds in its environment about the lease it runs under.
// MONGOGATE_HOLDER is the caller's to set.
const (
	// EnvKey is the key that is held.
	EnvKey = "MONGOGATE_KEY"
	// EnvToken is the fencing token, in decimal.
	EnvToken = "MONGOGATE_TOKEN"
	// EnvDeadline is the deadline at the start of the command, in seconds since
	// boot with milliseconds, the clock of the first number in /proc/uptime.
	// Renewals move it on; what it is now is in the state directory's lease file.
	EnvDeadline = "MONGOGATE_DEADLINE"
)

// secretPrefix: every variable whose name begins so holds a MongoDB URI, or
// the name of a file with one, and is never the command's or the guard's.
const secretPrefix = "MONGOGATE_URI"

// Command says what is run and how it is watched.
type Command struct {
	// Path is the program, looked up in the PATH of Env if it has no slash.
	Path string
	// Args are its arguments without the program's name.
	Args []string
	// Env is the environment as in os.Environ, to which key, token and deadline are added.
	Env []string
	// Strip names variables that are taken out of Env, besides all that begin with MONGOGATE_URI.
	Strip []string
	// Dir is the working directory; empty means ours.
	Dir string
	// Budget is kept by the guard: SIGKILL comes KillAfter after the deadline.
	Budget gate.Budget
	// Confirm is how long the guard may take to confirm what it was told, a third of the ttl.
	Confirm time.Duration
	// Flock is inherited by the guard, so that the lock on it lives as long as
	// the tree; never by the command. It is asked at each start; it, and what it
	// returns, may be nil.
	Flock func() *os.File
	// WaitTree waits for what the command leaves behind when it ends; otherwise
	// that gets SIGTERM, and SIGKILL after KillAfter. The deadline holds for both.
	WaitTree bool
	// Stops are the signals that ask to stop, besides SIGTERM, SIGINT, SIGHUP and SIGQUIT.
	Stops proctree.SignalSet
	// Isolation keeps the command from signalling gate and guard. It has been checked.
	Isolation Isolation
	// Log gets what happens to guard and command, never their arguments or environment.
	Log logr.Logger
	// Clock is the lease's; the guard, in a process of its own, always goes by CLOCK_BOOTTIME.
	Clock gate.Clock
	// StuckPID1 is called once, if the caller is PID 1 and the tree is still not
	// empty when the kill budget has passed since Kill should have emptied it. It
	// is meant to exit: the kernel then ends the whole namespace. Nothing else
	// can be done about a process that the kernel cannot end. Nil means to go on killing.
	StuckPID1 func()
}

// validate reports everything that is wrong.
func (c Command) validate() error {
	errs := []error{c.Budget.Validate()}
	if c.Path == "" {
		errs = append(errs, errors.New("no command"))
	}
	if c.Confirm <= 0 {
		errs = append(errs, fmt.Errorf("confirm %v: must be positive", c.Confirm))
	}
	if c.Clock == nil {
		errs = append(errs, errors.New("no clock"))
	}
	return errors.Join(errs...)
}

// environment is what guard and command are started with.
func (c Command) environment(g gate.Grant) []string {
	own := []string{
		EnvKey + "=" + g.Key,
		EnvToken + "=" + strconv.FormatInt(g.Token, 10),
		EnvDeadline + "=" + strconv.FormatFloat(g.Deadline.Seconds(), 'f', 3, 64),
	}
	sockets := Sockets(c.Env)
	env := slices.DeleteFunc(slices.Clone(c.Env), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, secretPrefix) || slices.Contains(c.Strip, name) ||
			name == EnvKey || name == EnvToken || name == EnvDeadline || ours(name, value) || sockets && slices.Contains(listen, name)
	})
	return append(env, own...)
}

// listen are systemd's words about the sockets that it has opened for a
// service (sd_listen_fds(3)). The descriptors are the gate's and are not passed on.
var listen = []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} //nolint:gochecknoglobals // a constant table

// ours says of a variable that it is for the gate's process alone. Without
// WATCHDOG_PID the service's watchdog (sd_watchdog_enabled(3)) is whoever reads the rest.
func ours(name, value string) bool {
	return (name == "WATCHDOG_PID" || name == "LISTEN_PID") && value == strconv.Itoa(os.Getpid())
}

// Sockets says whether systemd has opened sockets for this process, which the command does not get.
func Sockets(environ []string) bool {
	return slices.Contains(environ, "LISTEN_PID="+strconv.Itoa(os.Getpid()))
}
