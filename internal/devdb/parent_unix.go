//go:build unix && !linux

package devdb

import "syscall"

// withParent gives a child a group of its own, which keeps the terminal's
// Ctrl-C away from it. That it ends with its parent is left to its standard input.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
