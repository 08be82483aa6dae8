package devdb

import "syscall"

// withParent makes the kernel kill a child when the thread that started it ends.
func withParent() *syscall.SysProcAttr {
	attributes := ownGroup()
	attributes.Pdeathsig = syscall.SIGKILL
	return attributes
}
