package mongolock

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// TestKernelFindsDeadPeers: on a real socket, in what the kernel says of it.
func TestKernelFindsDeadPeers(t *testing.T) {
	server := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer server.Close()
	l := newSockets(nil, 6*time.Second)
	conn := must.Get(l.DialContext(t.Context(), "tcp", server.Addr().String()))(t)
	defer conn.Close()
	raw := must.Get(conn.(*socket).Conn.(*net.TCPConn).SyscallConn())(t)
	for name, c := range map[string]struct{ level, option, want int }{
		"user timeout": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 6000},
		"keep-alive":   {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"idle":         {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 2},
		"interval":     {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 2},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), c.level, c.option) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
