//go:build linux

package twin

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// begin starts the gate.
func (t *twin) begin() error {
	var down, up [2]int
	if err := unix.Pipe2(down[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	if err := unix.Pipe2(up[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		closeAll(down[:]...)
		return fmt.Errorf("make a pipe: %w", err)
	}
	if t.began != 0 {
		closeAll(t.news.fd, t.confirm)
	}
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0], Name}, t.args...), &syscall.ProcAttr{ //nolint:gosec // ourselves, once more
		Env: os.Environ(), Files: []uintptr{0, 1, 2, uintptr(up[1]), uintptr(down[0])},
		// A group of its own: a ^C comes by way of us, once.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	closeAll(up[1], down[0])
	t.news, t.confirm = lines{fd: up[0]}, down[1]
	t.began = t.clock.Now()
	if err != nil {
		return fmt.Errorf("start the gate: %w", err)
	}
	t.listenTo(up[0])
	t.gate, t.ended, t.again = pid, nil, 0
	t.heard = t.began + starting
	return nil
}

// listenTo wakes the twin when there is news, and ends with who writes it.
func (t *twin) listenTo(fd int) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return // what is there is read at every look
	}
	go func() {
		defer unix.Close(own)
		for {
			p := []unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}} //nolint:gosec // a descriptor
			if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) || p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
				return
			}
			select {
			case t.wake <- struct{}{}:
			default:
			}
			time.Sleep(2 * time.Millisecond) // meanwhile it is read
		}
	}()
}

// pass hands a signal on to the gate.
func (t *twin) pass(sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	if !ok || number == unix.SIGCHLD {
		return
	}
	if number == unix.SIGTSTP || number == unix.SIGCONT { // of a terminal, where a stopped gate would lose its lock; of our own timers
		return
	}
	t.asked = t.asked || t.plan == nil || t.plan.Stops.Has(number)
	if t.gate != 0 {
		_ = unix.Kill(t.gate, number) // our child, not yet reaped: the id is its own
	}
}

func (t *twin) reap() {
	exits, _, err := proctree.Reap()
	if err != nil {
		t.complain(err)
	}
	for _, e := range exits {
		if e.PID == t.gate {
			t.listen(t.clock.Now())
			t.gate, t.ended = 0, &e
		}
	}
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}
