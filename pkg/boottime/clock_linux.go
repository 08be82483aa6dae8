package boottime

import (
	"syscall"
	"time"
	"unsafe"
)

// clockBoottime is CLOCK_BOOTTIME of clock_gettime(2): like CLOCK_MONOTONIC,
// which Go's own monotonic readings use, but it runs on while the machine is suspended.
const clockBoottime = 7

// now panics if the kernel has no CLOCK_BOOTTIME (Linux before 2.6.39): no lease can be measured there.
func now() time.Duration {
	var ts syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&ts)), 0) //nolint:gosec // the standard library has no wrapper, and this package imports the standard library only
	if errno != 0 {
		panic("clock_gettime(CLOCK_BOOTTIME): " + errno.Error())
	}
	return time.Duration(ts.Nano())
}
