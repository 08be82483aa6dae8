package mongolock

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKernelFindsDeadPeers: on a real socket, in what the kernel says of it.
func TestKernelFindsDeadPeers(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l := newSockets(nil, 6*time.Second)
	conn, err := l.DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*socket).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
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
