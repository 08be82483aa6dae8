//go:build unix && !linux

package devdb

import "syscall"

// withParent leaves it to a child's standard input that it ends with its parent.
func withParent() *syscall.SysProcAttr { return ownGroup() }
