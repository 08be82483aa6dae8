package mongolock

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// sockets are the network connections of one client of ours. The driver keeps a
// connection in its pool until a call fails on it, so that each of several
// that have died silently costs a call its whole time. Here a call that has
// got no answer ends all of them that have been silent for as long.
type sockets struct {
	dialer options.ContextDialer
	// operation is how long a call may take; hedge after what time another attempt to connect is begun beside the first.
	operation, hedge time.Duration

	mu   sync.Mutex
	open map[*socket]bool
}

// newSockets are sockets that a dialer makes: the one that tests give, or that of the network.
func newSockets(dialer options.ContextDialer, operation time.Duration) *sockets {
	if dialer == nil {
		dialer = networkDialer(operation)
	}
	return &sockets{dialer: dialer, operation: operation, hedge: min(operation, max(operation/3, time.Second)), open: map[*socket]bool{}}
}

// networkDialer has the kernel find a dead peer within about the time of one operation.
func networkDialer(operation time.Duration) *net.Dialer {
	// The kernel counts in seconds. Probes are sent while nothing is under way; what is under way is TCP_USER_TIMEOUT's.
	probe := max(operation/3, time.Second).Round(time.Second)
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probe, Interval: probe, Count: 3},
		Control:         userTimeout(max(operation, time.Second)),
	}
}

// DialContext connects, by several attempts that are begun one after another
// and each look the name up anew: an address that swallows what it is sent
// does not keep the next one from being tried, nor does a slow resolver lose what it has found out.
func (l *sockets) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result) // unbuffered: who does not hand over closes
	var attempts sync.WaitGroup
	defer func() {
		cancel()
		attempts.Wait()
	}()
	pending := 0
	begin := func() {
		pending++
		attempts.Go(func() {
			conn, err := l.dialer.DialContext(ctx, network, address)
			select {
			case results <- result{conn, err}:
			case <-ctx.Done():
				if conn != nil {
					_ = conn.Close() // another attempt was faster, or nobody waits any more
				}
			}
		})
	}
	begin()
	next := time.NewTicker(l.hedge)
	defer next.Stop()
	for {
		select {
		case r := <-results:
			if r.err == nil {
				return l.add(r.conn), nil
			}
			if pending--; pending == 0 {
				return nil, r.err
			}
		case <-next.C:
			begin()
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
		}
	}
}

func (l *sockets) add(conn net.Conn) net.Conn {
	c := &socket{Conn: conn, sockets: l, since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	return c
}

// unanswered ends the sockets that are as silent as a call that began at sent and
// has just been given up: those that have heard nothing since then, but for
// those on which somebody has asked later, and may still be answered.
// A socket that has never said a word is given a hedge's time.
func (l *sockets) unanswered(sent time.Time) {
	now := time.Now()
	if latest := now.Add(-l.operation); sent.After(latest) {
		sent = latest // a call that was given less time proves no more than that
	}
	var silent []*socket
	l.mu.Lock()
	for c := range l.open {
		heard, asked := c.since.Add(time.Duration(c.heard.Load())), c.since.Add(time.Duration(c.asked.Load()))
		if c.heard.Load() == 0 {
			if c.since.Before(now.Add(-l.hedge)) {
				silent = append(silent, c)
			}
		} else if heard.Before(sent) && !asked.After(sent) {
			silent = append(silent, c)
		}
	}
	l.mu.Unlock()
	for _, c := range silent {
		_ = c.Close() // it is dead
	}
}

// socket is one connection that knows when it was last heard of.
type socket struct {
	net.Conn
	sockets *sockets
	since   time.Time
	// heard and asked are when something was last read and written, in nanoseconds after since; 0 is never.
	heard, asked atomic.Int64
}

func (c *socket) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(max(1, int64(time.Since(c.since))))
	}
	return n, err //nolint:wrapcheck // the driver looks at it
}

func (c *socket) Write(b []byte) (int, error) {
	c.asked.Store(max(1, int64(time.Since(c.since))))
	return c.Conn.Write(b) //nolint:wrapcheck // the driver looks at it
}

func (c *socket) Close() error {
	c.sockets.mu.Lock()
	delete(c.sockets.open, c)
	c.sockets.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // the driver looks at it
}
