package serve

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// Who opens connections without end takes no descriptors, and a probe that comes after them is answered.
func TestConnectionsAreLimited(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	yes := func() bool { return true }
	few := &limited{Listener: l, most: 1 << 20} // it only counts
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, few, Probes{Startup: yes, Ready: yes, Live: yes, Waiting: yes}.Handler())
	}()
	for range 4 * maxConnections {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range 3 {
		status, _, err := Ask(ctx, l.Addr().String(), LivePath)
		if err != nil || status != http.StatusOK {
			t.Errorf("a probe behind them: %d, %v", status, err)
		}
	}
	few.mu.Lock()
	if n := len(few.open); n > maxConnections {
		t.Errorf("%d connections are open", n)
	}
	few.mu.Unlock()
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
	few.mu.Lock()
	defer few.mu.Unlock()
	if len(few.open) != 0 {
		t.Errorf("%d connections are left", len(few.open))
	}
}
