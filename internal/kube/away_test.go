package kube

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// deaf is a place where connections are accepted and nobody says a word, as
// behind a balancer whose API server's machine has died.
type deaf struct {
	net.Listener

	mu   sync.Mutex
	open []net.Conn
	to   string       // once set, new connections are carried on to there
	vain atomic.Int32 // callers of nobody that have not hung up yet
	lost *atomic.Bool // set once the connections that there are carry nothing any more
}

func newDeaf(t *testing.T) *deaf {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Listener: l, lost: new(atomic.Bool)}
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
	d.mu.Lock()
	lost := d.lost
	d.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(carrier{out, lost}, c); _ = out.Close() })
	both.Go(func() { _, _ = io.Copy(carrier{c, lost}, out); _ = c.Close() })
	both.Wait()
}

// lose has the network forget the connections that there are, without a word to either end.
func (d *deaf) lose() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost.Store(true)
	d.lost = new(atomic.Bool)
}

// carrier writes until its connection is lost, and then to nobody.
type carrier struct {
	io.Writer
	lost *atomic.Bool
}

func (c carrier) Write(b []byte) (int, error) {
	if c.lost.Load() {
		return len(b), nil
	}
	return c.Writer.Write(b)
}

// behind is the server as it is seen from behind d.
func (a *api) behind(t *testing.T, d *deaf) *api {
	t.Helper()
	host, port, err := net.SplitHostPort(d.Addr().String())
	must.Do(t, err)
	c := must.Get(New(Place{Host: host, Port: port, Account: a.dir, Pod: a.client.pod}))(t)
	t.Cleanup(c.Close)
	return &api{Server: a.Server, client: c, dir: a.dir, log: a.log}
}

// back has new connections carried on to the server.
func (d *deaf) back(a *api) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.to = net.JoinHostPort(a.Host, a.Port)
}

// TestConnectionsThatBeganWhileTheServerWasAway: what was dialled in vain is not waited for once it is back.
func TestConnectionsThatBeganWhileTheServerWasAway(t *testing.T) {
	a := start(t)
	d := newDeaf(t)
	away := a.behind(t, d)

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
	d.back(a)
	until(t, "an answer of the server that is back", func() bool {
		return away.get(t) == nil
	})
	// And what was dialled in vain does not stay forever.
	until(t, "the end of the connections in vain", func() bool { return d.vain.Load() == 0 })
}

// TestALostConnectionIsUsedOnce: the call that finds it out fails, and no other.
func TestALostConnectionIsUsedOnce(t *testing.T) {
	a := start(t)
	d := newDeaf(t)
	d.back(a)
	through := a.behind(t, d)
	must.Do(t, through.get(t))
	d.lose()
	if err := through.get(t); err == nil {
		t.Error("answered by a connection that carries nothing")
	}
	if err := through.get(t); err != nil {
		t.Errorf("the next call: %v", err)
	}
}
