//go:build linux

package guard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// initName is the first process of a namespace of the command's own: it mounts
// its /proc, starts the command, takes orphans, and tells the guard by
// [reportFD] what the guard, who is not the parent, cannot see: records of the
// kinds started (the process id within the namespace), failed and exited. When
// nothing is left in the namespace it ends; when it ends, or the guard does, the
// kernel ends all that is left.
const initName = "init"

// initCheck in the place of the command only tries whether such a namespace can be made.
const initCheck = "--check"

const reportFD = 3

// nest starts the first process of a new namespace. report is its end of a pipe.
//
// Who is not root needs a user namespace for that, in which it is the same user.
func nest(args []string, report uintptr, env []string) (pid int, err error) {
	sys := &syscall.SysProcAttr{
		Setpgid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS,
	}
	if os.Geteuid() != 0 {
		sys.Cloneflags |= unix.CLONE_NEWUSER
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN} // to mount /proc, in the new user namespace only
		// The maps are files of the new process, which are root's where the process is
		// not dumpable; and as long as it has not executed anything it is what we are.
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("become dumpable: %w", err)
		}
		defer func() { err = errors.Join(err, proctree.HideMemory()) }()
	}
	return syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0], Name, initName}, args...), &syscall.ProcAttr{
		Env: env, Files: []uintptr{0, 1, 2, report}, Sys: sys,
	})
}

// nested is a command in a namespace of its own.
type nested struct {
	first  int              // the namespace's first process, our child
	main   proctree.Process // the command, as it is seen from here
	report int              // what the first process tells
	paused syscall.Signal   // what has stopped the command
}

// startNested starts the command in a namespace of its own.
func startNested(command []string, terminal bool) (*nested, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var do launching
	if terminal {
		do = launchTerminal
	}
	first, err := nest(append([]string{do.argument()}, command...), uintptr(ends[1]), os.Environ())
	closeAll(ends[1])
	n := &nested{first: first, report: ends[0]}
	if err == nil {
		err = n.meet()
	}
	if err != nil {
		closeAll(ends[0])
		return nil, err
	}
	return n, nil
}

// meet waits for the command's start, and finds the command, whom the first process does not reap before.
func (n *nested) meet() error {
	var buf [recordSize]byte
	got := 0
	for got < recordSize {
		more, err := unix.Read(n.report, buf[got:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case more == 0:
			return syscall.ECHILD // it has ended, which will be seen
		default:
			got += more
		}
	}
	records, err := decode(buf[:])
	if err != nil {
		return err
	}
	if records[0].Kind == kindFailed {
		return syscall.Errno(records[0].Value)
	}
	if n.main, err = inside(n.first, int(records[0].Value)); err != nil {
		return err
	}
	if _, err := unix.Write(n.report, []byte{1}); err != nil && !errors.Is(err, unix.EPIPE) {
		return err
	}
	return unix.SetNonblock(n.report, true)
}

// ended says how the command has ended, once it has: by what the first process
// told, or because that has ended without a word, and the namespace with it.
func (n *nested) ended(exits []proctree.Exit) (status unix.WaitStatus, ended bool) {
	if n == nil {
		return 0, false
	}
	records, _ := drain(n.report)
	for _, r := range records {
		if r.Kind == kindStopped {
			n.paused = syscall.Signal(r.Value)
		}
		if r.Kind == kindExited {
			return unix.WaitStatus(r.Value), true
		}
	}
	for _, exit := range exits {
		if exit.PID == n.first && !exit.Stopped() {
			return unix.WaitStatus(unix.SIGKILL), true
		}
	}
	return 0, false
}

// inside finds the process that a namespace's first process calls by pid.
func inside(first, pid int) (proctree.Process, error) {
	all, err := proctree.Scan() // and not the living: it may have ended already
	for _, p := range all {
		if p.PPID == first && p.InnermostPID() == pid {
			return p, nil
		}
	}
	return proctree.Process{}, errors.Join(fmt.Errorf("process %d of the namespace is not to be found", pid), err)
}

// checkNamespace tries it.
func checkNamespace() error {
	report, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	pid, err := nest([]string{launching(0).argument(), initCheck}, theirs.Fd(), nil)
	theirs.Close()
	if err != nil {
		return fmt.Errorf("make a process namespace: %w", err)
	}
	said, err := io.ReadAll(report)
	if reaped := reapOne(pid); err == nil {
		err = reaped
	}
	if err == nil && len(said) > 0 {
		err = fmt.Errorf("make a process namespace: %s", said)
	}
	return err
}

// initMain is the first process of a namespace.
func initMain(args []string) int {
	runtime.LockOSThread() // of what is started from here
	unix.CloseOnExec(reportFD)
	do, command := launchingOf(args[0]), args[1:]
	err := prepareNamespace()
	if len(command) == 1 && command[0] == initCheck {
		if err != nil {
			_, _ = unix.Write(reportFD, []byte(err.Error()))
		}
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mongogate:", err)
		_ = send(reportFD, record{Kind: kindFailed, Value: int64(errnoOf(err))})
		return exitNotExecutable
	}
	// A signal for the whole tree is not for us. Caught and not ignored, for the command shall not ignore it.
	ignored, err := proctree.Ignored()
	if err == nil {
		signal.Notify(make(chan os.Signal, 1), dropped(ignored)...)
	}
	pid, err := startCommand(command, do)
	if err != nil {
		_ = send(reportFD, record{Kind: kindFailed, Value: int64(errnoOf(err))})
		return exitNotExecutable
	}
	_ = send(reportFD, record{Kind: kindStarted, Value: int64(pid)})
	var met [1]byte
	for {
		if n, err := unix.Read(reportFD, met[:]); n > 0 || err == nil || !errors.Is(err, unix.EINTR) {
			break
		}
	}
	left := leaveSession(pid)
	for {
		exit, empty, err := proctree.WatchOne()
		if err != nil || empty {
			return 0
		}
		if exit.PID != pid {
			continue
		}
		if exit.Stopped() {
			sig := exit.Status.StopSignal()
			if (sig == unix.SIGTTIN || sig == unix.SIGTTOU) && left && !do.has(launchTerminal) { // as in watch.paused
				_ = unix.Kill(-pid, unix.SIGCONT)
				continue
			}
			_ = send(reportFD, record{Kind: kindStopped, Value: int64(sig)})
			continue
		}
		pid = 0
		_ = send(reportFD, record{Kind: kindExited, Value: int64(exit.Status)})
	}
}

// prepareNamespace gives the namespace its own /proc, and takes from the
// thread what was needed for that.
func prepareNamespace() error {
	if err := proctree.DieWithParent(); err != nil {
		return err
	}
	// What is mounted outside later is seen, what is mounted inside is not.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("separate the mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}
