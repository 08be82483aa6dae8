//go:build linux

package guard

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// launchName is the second step of [Main] for a command that gets the terminal or a Landlock domain.
const launchName = "launch"

// failureFD is where a launcher writes the errno that kept it from executing the command.
const failureFD = 3

// launching is what a process of ours does before it becomes the command, and goes with its arguments as a number.
type launching int

const (
	launchTerminal launching = 1 << iota // take the terminal
	launchScoped                         // enter a Landlock domain
)

func (l launching) has(what launching) bool { return l&what != 0 }

func (l launching) argument() string { return strconv.Itoa(int(l)) }

// launchingOf reads an argument. Anything else than ours is nothing to do, which no caller asks for.
func launchingOf(argument string) launching {
	n, _ := strconv.Atoi(argument)
	return launching(n)
}

// startCommand starts the command as the leader of a process group of its own.
// It returns once the program is being executed, or could not be.
func startCommand(command []string, first launching) (pid int, err error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, err
	}
	attr := &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if first != 0 {
		return startByLauncher(first, path, command, attr)
	}
	return syscall.ForkExec(path, command, attr)
}

// startByLauncher goes by way of our own binary once more. The group of the
// new process has to be the terminal's before the command looks, and a
// background process may set that only with SIGTTOU blocked; neither can be
// done between fork and exec in Go, nor can the parent do it in time. A Landlock
// domain is entered by the process itself, and must not be the guard's.
func startByLauncher(first launching, path string, command []string, attr *syscall.ProcAttr) (pid int, err error) {
	failed, report, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer failed.Close()
	attr.Files = append(attr.Files, report.Fd())
	args := append([]string{os.Args[0], Name, launchName, first.argument(), path}, command...)
	pid, err = syscall.ForkExec("/proc/self/exe", args, attr)
	report.Close()
	if err != nil {
		return 0, err
	}
	var errno [4]byte
	if _, err := io.ReadFull(failed, errno[:]); err != nil {
		return pid, nil // closed by exec, or by its end, which will be seen
	}
	return 0, syscall.Errno(binary.NativeEndian.Uint32(errno[:]))
}

// launch prepares the process and becomes the command.
func launch(args []string) int {
	runtime.LockOSThread() // what is set below is set for a thread
	unix.CloseOnExec(failureFD)
	first, path, command := launchingOf(args[0]), args[1], args[2:]
	err := proctree.DieWithParent() // the one set at the fork is the first thread's, which exec may not keep
	if err == nil && first.has(launchTerminal) {
		err = takeTerminal(os.Stdin.Fd(), os.Getpid())
	}
	if err == nil && first.has(launchScoped) {
		err = proctree.ScopeSignals()
	}
	if err == nil {
		err = syscall.Exec(path, command, os.Environ())
	}
	failure := binary.NativeEndian.AppendUint32(nil, uint32(errnoOf(err)))
	_, _ = unix.Write(failureFD, failure)
	return exitNotExecutable
}

// leaveSession takes the guard out of the session of gate and command, so that
// neither a hang-up nor a ^C in the terminal concerns it. A leader of a group
// cannot leave its session: first it joins the command's. Where that fails the
// guard stays and drops those signals.
func leaveSession(command int) (left bool) {
	if unix.Setpgid(0, command) != nil {
		return false
	}
	_, err := unix.Setsid()
	return err == nil
}

// errnoOf is why a program could not be started, as a number that fits a record.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	default:
		return syscall.EACCES
	}
}
