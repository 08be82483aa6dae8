//go:build linux

package proctree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// UID is the real user id of the process. The owner of /proc/PID is not asked:
// it is root for every process that is not dumpable.
func (p Process) UID() (int, error) {
	status, err := p.read("status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			if fields := strings.Fields(ids); len(fields) > 0 {
				return strconv.Atoi(fields[0])
			}
		}
	}
	return 0, fmt.Errorf("status of process %d: no Uid line", p.PID)
}

// Hidden is true where the process shows its program and memory to nobody: it is not dumpable, so that the
// files in /proc/PID (but not that directory itself) are root's although its user is not. Of root's processes only root knows, who may read all that do not hide.
func (p Process) Hidden() (bool, error) {
	uid, err := p.UID()
	if err != nil {
		return false, err
	}
	var file unix.Stat_t
	if err := unix.Stat(procPath(p.PID, "environ"), &file); err != nil {
		return false, fmt.Errorf("look at process %d: %w", p.PID, err)
	}
	return file.Uid == 0 && (uid != 0 || os.Geteuid() == 0), p.check()
}

// OpenExe opens the program that the process runs. It needs the same user, and a process that is dumpable, or root.
func (p Process) OpenExe() (*os.File, error) {
	f, err := os.Open(procPath(p.PID, "exe"))
	if err != nil {
		return nil, fmt.Errorf("look at process %d: %w", p.PID, err)
	}
	return f, nil
}

// InnermostPID is what the process is called in its own process namespace, 0 where that is not known.
func (p Process) InnermostPID() int {
	status, err := p.read("status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			if len(fields) == 0 {
				return 0
			}
			pid, _ := strconv.Atoi(fields[len(fields)-1])
			return pid
		}
	}
	return 0
}

// Cgroup is the path of the process in the unified hierarchy, or what version
// 1 says of its hierarchies, one a line.
func (p Process) Cgroup() (string, error) {
	b, err := p.read("cgroup")
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(string(b), "\n")
	return strings.TrimPrefix(text, "0::"), nil
}

// ErrNoEnviron says that a process shows no environment at all. One that is in the
// middle of execve(2) or on its way out looks like that, and nothing follows from it.
var ErrNoEnviron = errors.New("its environment is empty")

// Getenv looks a variable up in the environment that the process was started
// with; what it has set for itself since does not show. Where there is nothing
// to look in, as with zombies, the error is [ErrNoEnviron].
// It needs the same user, and a process that is dumpable, or root.
func (p Process) Getenv(name string) (value string, found bool, err error) {
	env, err := p.read("environ")
	if err != nil {
		return "", false, err
	}
	if len(env) == 0 {
		return "", false, fmt.Errorf("process %d: %w", p.PID, ErrNoEnviron)
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, []byte(name+"=")); ok {
			return string(value), true, nil
		}
	}
	return "", false, nil
}

// read reads a file of this very process: the start time is looked at afterwards.
func (p Process) read(file string) ([]byte, error) {
	b, err := os.ReadFile(procPath(p.PID, file))
	if err != nil {
		return nil, fmt.Errorf("%s of process %d: %w", file, p.PID, err)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return b, nil
}

// Marked lists the living processes that were started with name=value in their
// environment, the caller left out. It is what a witness asks to see that
// nothing of a workload is left. It sees only processes whose environment the
// caller may read: those of its own user that are dumpable, or all if it is root.
func Marked(name, value string) ([]Process, error) {
	all, err := Scan()
	errs := []error{err}
	var marked []Process
	for _, p := range all {
		if !p.Alive() || p.PID == os.Getpid() {
			continue
		}
		v, found, err := p.Getenv(name)
		switch {
		case err == nil && found && v == value:
			marked = append(marked, p)
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM): // as with Scan
			errs = append(errs, err)
		}
	}
	return marked, errors.Join(errs...)
}
