package mongolock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/fakemongo"
)

// network is what lies between a client and its server, and breaks in the ways
// of networks: connections that are open go silent, new ones are swallowed, accepted by
// what says nothing, refused, or wait for a slow resolver.
type network struct {
	inner  options.ContextDialer
	mu     sync.Mutex
	cables []*cable
	dialed int
	// What becomes of a new connection.
	swallow, mute, deaf, refuse bool
	resolve                     time.Duration
}

// cable is a connection over it.
type cable struct {
	net.Conn
	net        *network
	mute, deaf bool // guarded by net.mu: what is written is lost, what is answered is lost
}

func (n *network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed++
	resolve, swallow, refuse := n.resolve, n.swallow, n.refuse
	n.mu.Unlock()
	if resolve > 0 {
		select {
		case <-time.After(resolve):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if refuse {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	if swallow { // what was sent to that address never comes back, also when the fault is over
		<-ctx.Done()
		return nil, ctx.Err()
	}
	conn, err := n.inner.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := &cable{Conn: conn, net: n, mute: n.mute, deaf: n.deaf}
	n.cables = append(n.cables, w)
	return w, nil
}

func (n *network) change(f func(*network)) { n.mu.Lock(); defer n.mu.Unlock(); f(n) }

// silence ends every connection without telling anybody.
func (n *network) silence() {
	n.change(func(n *network) {
		for _, w := range n.cables {
			w.mute, w.deaf = true, true
		}
	})
}

// losesReplies loses what comes back on every connection, for good.
func (n *network) losesReplies() {
	n.change(func(n *network) {
		for _, w := range n.cables {
			w.deaf = true
		}
	})
}

func (n *network) reset() {
	n.change(func(n *network) {
		for _, w := range n.cables {
			_ = w.Close()
		}
	})
}

func (w *cable) Read(b []byte) (int, error) {
	for {
		k, err := w.Conn.Read(b)
		w.net.mu.Lock()
		lost := w.deaf
		w.net.mu.Unlock()
		if !lost || errors.Is(err, io.ErrClosedPipe) || err != nil && timedOut(err) {
			return k, err
		}
		if err != nil { // an end that is not heard of either
			select {}
		}
	}
}

func timedOut(err error) bool { var n net.Error; return errors.As(err, &n) && n.Timeout() }

func (w *cable) Write(b []byte) (int, error) {
	w.net.mu.Lock()
	lost := w.mute
	w.net.mu.Unlock()
	if lost {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

// outages are the ways in which a network fails, for a time.
var outages = []struct {
	name  string
	begin func(*network)
	end   func(*network)
	// moment: what was open is dead, and a new connection works at once.
	moment bool
}{
	{name: "connections die silently", begin: (*network).silence, moment: true},
	{name: "replies are lost on them", begin: (*network).losesReplies, moment: true},
	{name: "connections are reset", begin: (*network).reset, moment: true},
	{
		name:  "silence, and the address swallows",
		begin: func(n *network) { n.silence(); n.change(func(n *network) { n.swallow = true }) },
		end:   func(n *network) { n.change(func(n *network) { n.swallow = false }) },
	},
	{
		name:  "silence, and the balancer accepts and says nothing",
		begin: func(n *network) { n.silence(); n.change(func(n *network) { n.mute, n.deaf = true, true }) },
		end:   func(n *network) { n.change(func(n *network) { n.mute, n.deaf = false, false }) },
	},
	{
		name:  "one way only",
		begin: func(n *network) { n.losesReplies(); n.change(func(n *network) { n.deaf = true }) },
		end:   func(n *network) { n.change(func(n *network) { n.deaf = false }) },
	},
	{
		name:  "reset and refused",
		begin: func(n *network) { n.reset(); n.change(func(n *network) { n.refuse = true }) },
		end:   func(n *network) { n.change(func(n *network) { n.refuse = false }) },
	},
	{
		name:  "reset, and the resolver takes three quarters of a call",
		begin: func(n *network) { n.reset(); n.change(func(n *network) { n.resolve = 6 * time.Second * 3 / 4 }) },
		end:   func(n *network) { n.change(func(n *network) { n.resolve = 0 }) },
	},
}

// borne is whether a lease lives through an outage that begins at a phase of its heartbeat and lasts for d.
func borne(t *testing.T, w *world, ttl time.Duration, begin, end func(*network), phase, d time.Duration) (lives bool, gap time.Duration) {
	t.Helper()
	n := &network{inner: w.cluster.Dialer(0)}
	l := w.locker(t, 0, func(o *Options) {
		o.Timing = Timing{TTL: ttl}
		o.testOnlyClient = func(c *options.ClientOptions) { c.SetDialer(n) }
	})
	lease := kept(t)(l.Try(t.Context(), fmt.Sprint("key-", rand.Uint64())))
	if n.dialed == 0 {
		t.Fatal("the network was not used")
	}
	time.Sleep(2*l.Timing().Heartbeat + phase)
	var reads sync.WaitGroup
	for range 6 { // so that the pool has several
		reads.Go(func() { _, _ = l.Info(t.Context(), "other") })
	}
	reads.Wait()
	begin(n)
	before := lease.Deadline()
	time.Sleep(d)
	if end != nil {
		end(n)
	}
	for began := time.Now(); time.Since(began) < 2*ttl; time.Sleep(ttl / 100) {
		if lease.Err() != nil {
			return false, 0
		}
		if lease.Deadline() > before {
			before, gap = lease.Deadline(), max(gap, lease.Deadline()-before)
		}
	}
	return true, gap
}

func outage(t *testing.T, ttl, d time.Duration, begin, end func(*network)) (lost int, longest time.Duration) {
	const phases = 40
	for i := range phases {
		inBubble(t, func(t *testing.T, w *world) {
			w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{ReplyDelay: 2 * time.Millisecond} })
			heartbeat := Timing{TTL: ttl}.WithDefaults().Heartbeat
			lives, gap := borne(t, w, ttl, begin, end, 5*time.Millisecond+(heartbeat-10*time.Millisecond)*time.Duration(i)/(phases-1), d)
			if longest = max(longest, gap); !lives {
				lost++
			}
		})
	}
	return lost, longest
}

// TestConnectionsThatDie: what was open is dead, and a new connection works at once. One renewal may be
// lost with it, not more: a retry uses nothing that is as old as the call that got no answer.
func TestConnectionsThatDie(t *testing.T) {
	for _, o := range outages {
		if !o.moment {
			continue
		}
		for _, ttl := range []time.Duration{15 * time.Second, 20 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(o.name, "/", ttl), func(t *testing.T) {
				lost, longest := outage(t, ttl, 0, o.begin, o.end)
				t.Logf("ttl %v: longest gap %v", ttl, longest)
				tm := Timing{TTL: ttl}.WithDefaults()
				if most := tm.Heartbeat + tm.Operation + time.Second; lost > 0 || longest > most {
					t.Errorf("lost %d of 40, longest gap %v, want at most %v", lost, longest, most)
				}
			})
		}
	}
}

// TestOutagesThatALeaseBears: what docs/kubernetes/outage.md promises, for a network that
// swallows, loses replies, refuses, or finds names slowly; at 40 moments of a heartbeat.
func TestOutagesThatALeaseBears(t *testing.T) {
	for _, o := range outages {
		if o.moment {
			continue
		}
		for _, ttl := range []time.Duration{15 * time.Second, 20 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(o.name, "/", ttl), func(t *testing.T) {
				d := Timing{TTL: ttl}.WithDefaults().Outage()
				if lost, _ := outage(t, ttl, d, o.begin, o.end); lost > 0 {
					t.Errorf("an outage of %v: lost %d of 40", d, lost)
				}
			})
		}
	}
}

// TestOutageThatALeaseDoesNotBear: what the test above sees is not that nothing is ever lost.
func TestOutageThatALeaseDoesNotBear(t *testing.T) {
	o := outages[3]
	if lost, _ := outage(t, 30*time.Second, 25*time.Second, o.begin, o.end); lost != 40 {
		t.Errorf("an outage of 25 s: lost %d of 40, want all", lost)
	}
}
