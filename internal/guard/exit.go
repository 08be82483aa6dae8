//go:build linux

package guard

import "syscall"

// What a shell answers for a command that could not be executed, POSIX 2.8.2.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128
)

// codeOf is what a wait status means to a shell.
func codeOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return status.ExitStatus()
}

// codeOfStart is what a failed execve means to a shell.
func codeOfStart(errno syscall.Errno) int {
	if errno == syscall.ENOENT {
		return exitNotFound
	}
	return exitNotExecutable
}
