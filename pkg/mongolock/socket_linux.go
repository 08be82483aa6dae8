package mongolock

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout has the kernel give a connection up that has got no
// acknowledgement of what was sent for d, instead of after a quarter of an hour
// (tcp(7), TCP_USER_TIMEOUT).
func userTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		if network != "tcp" && network != "tcp4" && network != "tcp6" {
			return nil // a socket file
		}
		// A kernel that refuses it leaves the connection as it is: calls have their own deadlines.
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
		})
	}
}
