package mongolock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/faultproxy"
	"github.com/mongogate/mongogate/test/must"
)

// balancer is a name behind which there are two proxies before one server, and that may take long to look up.
type balancer struct {
	first, second *faultproxy.Proxy
	resolve       atomic.Int64 // time.Duration
	switched      atomic.Bool  // the name leads to the second
}

func (b *balancer) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	select {
	case <-time.After(time.Duration(b.resolve.Load())):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p := b.first
	if b.switched.Load() {
		p = b.second
	}
	return new(net.Dialer).DialContext(ctx, network, p.Addr())
}

// TestOutagesOnRealSockets: what TestConnectionsThatDie and TestOutagesThatALeaseBears say, with a real server behind real sockets
// and in real time. MONGOGATE_OUTAGES is how many of each kind are tried, with ttls of 15, 20 and 30 s; without it a few, with 6 s, of
// the kinds whose figures a busy machine does not decide.
func TestOutagesOnRealSockets(t *testing.T) {
	server := sharedServer(t, 0)
	ttls, n, all := []time.Duration{6 * time.Second}, 3, false
	if many, err := strconv.Atoi(os.Getenv("MONGOGATE_OUTAGES")); err == nil {
		ttls, n = []time.Duration{15 * time.Second, 20 * time.Second, 30 * time.Second}, many
		all = true
	}
	for _, o := range []struct {
		name   string
		begin  func(*balancer, Timing)
		end    func(*balancer)
		moment bool
	}{
		{name: "one silent connection", begin: func(b *balancer, _ Timing) { b.first.Forget() }, moment: true},
		{name: "replies lost on what is open", begin: func(b *balancer, _ Timing) { b.first.ForgetReplies() }, moment: true},
		{name: "reset", begin: func(b *balancer, _ Timing) { b.first.Reset() }, moment: true},
		{name: "one way only", begin: func(b *balancer, _ Timing) { b.first.DropReplies() }, end: func(b *balancer) { b.first.Heal() }},
		{name: "a dead balancer, then a healthy one", begin: func(b *balancer, _ Timing) { b.first.Freeze() }, end: func(b *balancer) { b.switched.Store(true) }},
		{name: "refused", begin: func(b *balancer, _ Timing) { b.first.Cut() }, end: func(b *balancer) { b.first.Heal() }},
		{
			name: "a slow resolver", end: func(b *balancer) { b.resolve.Store(0) },
			begin: func(b *balancer, t Timing) { b.resolve.Store(int64(t.Operation * 3 / 4)); b.first.Reset() },
		},
	} {
		if !o.moment && !all {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			var trials sync.WaitGroup
			for _, ttl := range ttls {
				var mu sync.Mutex
				lost, longest := 0, time.Duration(0)
				for i := range n {
					l, b := behindBalancer(t, server, ttl)
					trials.Go(func() {
						gap, err := outageOf(t, l, b, fmt.Sprint(strings.ReplaceAll(o.name, " ", "-"), ttl, i), o.begin, o.end)
						mu.Lock()
						defer mu.Unlock()
						if longest = max(longest, gap); err != nil {
							lost++
							t.Errorf("ttl %v: %v", ttl, err)
						}
					})
				}
				defer func() {
					fmt.Fprintf(os.Stderr, "outages: %s, ttl %v: lost %d of %d, longest gap %v\n", o.name, ttl, lost, n, longest)
				}()
			}
			trials.Wait()
		})
	}
}

func behindBalancer(t *testing.T, server *devdb.Server, ttl time.Duration) (*Locker, *balancer) {
	t.Helper()
	b := &balancer{}
	var uri string
	b.first, uri = devdbtest.Proxied(t, server)
	b.second, _ = devdbtest.Proxied(t, server)
	l := must.Get(Connect(uri, Options{
		Database: TestDatabase, Collection: "outages", Owner: "a", Timing: Timing{TTL: ttl},
		testOnlyClient: func(c *options.ClientOptions) { c.SetDialer(b) },
	}))(t)
	devdbtest.CloseLater(t, l)
	return l, b
}

// outageOf is one outage at some moment of a heartbeat, and the longest time between two renewals that were acknowledged.
func outageOf(t *testing.T, l *Locker, b *balancer, key string, begin func(*balancer, Timing), end func(*balancer)) (gap time.Duration, err error) {
	lease, err := l.Acquire(t.Context(), key)
	if err != nil {
		return 0, err
	}
	time.Sleep(l.Timing().Heartbeat + rand.N(l.Timing().Heartbeat))
	before := lease.Deadline()
	begin(b, l.Timing())
	began := time.Now()
	for ended := false; time.Since(began) < l.Timing().TTL*3/2; time.Sleep(10 * time.Millisecond) {
		if !ended && end != nil && time.Since(began) >= l.Timing().Outage() {
			end(b)
			ended = true
		}
		if err := lease.Err(); err != nil {
			return 0, err
		}
		if d := lease.Deadline(); d > before {
			gap, before = max(gap, d-before), d
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return gap, lease.Release(ctx)
}
