package serve

import (
	"net"
	"slices"
	"sync"
)

// maxConnections is how many connections an address serves at a time: more than all that ask honestly have.
const maxConnections = 64

// limited is a listener that closes its oldest connection for one too many: who
// opens them without end takes no descriptors from the gate, and the kubelet's probe, which is new, is answered.
type limited struct {
	net.Listener
	most int

	mu   sync.Mutex
	open []*counted // the oldest first
}

func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	one := &counted{Conn: c, of: l}
	l.mu.Lock()
	l.open = append(l.open, one)
	var oldest *counted
	if len(l.open) > l.most {
		oldest = l.open[0]
	}
	l.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // whoever asked there hears nothing more
	}
	return one, nil
}

// counted is a connection that its listener knows.
type counted struct {
	net.Conn
	of *limited
}

func (c *counted) Close() error {
	c.of.mu.Lock()
	c.of.open = slices.DeleteFunc(c.of.open, func(o *counted) bool { return o == c })
	c.of.mu.Unlock()
	return c.Conn.Close()
}
