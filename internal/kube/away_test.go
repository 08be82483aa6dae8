package kube

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// deaf is a place where connections are accepted and nobody says a word, as
// behind a balancer whose API server's machine has died.
type deaf struct {
	net.Listener

	mu   sync.Mutex
	open []net.Conn
	to   string       // once set, new connections are carried on to there
	vain atomic.Int32 // callers of nobody that have not hung up yet
}

func newDeaf(t *testing.T) *deaf {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Listener: l}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.open = append(d.open, c)
			to := d.to
			d.mu.Unlock()
			serving.Go(func() { d.serve(c, to) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		d.mu.Lock()
		for _, c := range d.open {
			_ = c.Close()
		}
		d.mu.Unlock()
		serving.Wait()
	})
	return d
}

// serve hears a caller out, and carries what it says on where there is somebody to hear it.
func (d *deaf) serve(c net.Conn, to string) {
	if to == "" {
		d.vain.Add(1)
		_, _ = io.Copy(io.Discard, c)
		d.vain.Add(-1)
		return
	}
	out, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
	if err != nil {
		_ = c.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(out, c); _ = out.Close() })
	both.Go(func() { _, _ = io.Copy(c, out); _ = c.Close() })
	both.Wait()
}

// TestConnectionsThatBeganWhileTheServerWasAway: what was dialled in vain is not waited for once it is back.
func TestConnectionsThatBeganWhileTheServerWasAway(t *testing.T) {
	a := start(t)
	d := newDeaf(t)
	host, port, err := net.SplitHostPort(d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Place{Host: host, Port: port, Account: a.dir, Pod: a.client.pod})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	away := &api{Server: a.Server, client: c, dir: a.dir, log: a.log}

	// More calls than there may be connections, by three features side by side.
	var calls sync.WaitGroup
	for range 5 {
		calls.Go(func() {
			if err := away.get(t); err == nil {
				t.Error("nobody answered, and no error")
			}
		})
	}
	calls.Wait()
	d.mu.Lock()
	d.to = net.JoinHostPort(a.Host, a.Port)
	d.mu.Unlock()
	until(t, "an answer of the server that is back", func() bool {
		return away.get(t) == nil
	})
	// And what was dialled in vain does not stay forever.
	until(t, "the end of the connections in vain", func() bool { return d.vain.Load() == 0 })
}
