package devdb

import "syscall"

// withParent makes the kernel kill a child when the thread that started it
// ends. A group of its own keeps the terminal's Ctrl-C away from the server:
// who started it stops it.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
