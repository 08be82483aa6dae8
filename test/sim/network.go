package sim

import (
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/fakemongo"
)

// network decides what becomes of each call, by the seed, the machine and the
// number of the call.
type network struct {
	seed  uint64
	often float64     // how often a request or a reply is late
	quiet atomic.Bool // from now on everything arrives
}

const latency = 20 * time.Millisecond

func (n *network) decide(c fakemongo.Call) fakemongo.Verdict {
	v, _ := n.verdict(c.Process, c.N, c.Monitoring())
	return v
}

// verdict is what becomes of a process's n-th call; again is how much later it arrives a second time, zero for never.
func (n *network) verdict(process int, number uint64, monitoring bool) (v fakemongo.Verdict, again time.Duration) {
	r := rand.New(rand.NewPCG(n.seed<<8|uint64(process), number))
	exp := func() time.Duration { return time.Duration(r.ExpFloat64() * float64(latency)) }
	v = fakemongo.Verdict{RequestDelay: exp(), ReplyDelay: exp()}
	if n.quiet.Load() {
		return v, 0
	}
	late := func() time.Duration {
		if r.Float64() >= n.often {
			return 0
		}
		return upTo(r, pick(r, 6*time.Second, time.Minute))
	}
	if monitoring {
		if r.Float64() < 0.02 {
			v.ReplyDelay += upTo(r, 10*time.Second)
		}
		v.Reset = r.Float64() < 0.005
		return v, 0
	}
	v.RequestDelay += late()
	v.ReplyDelay += late()
	switch p := r.Float64(); {
	case p < 0.005:
		v.LoseRequest = true
	case p < 0.010:
		v.LoseReply = true
	case p < 0.015:
		v.Reset = true
	case p < 0.020:
		v.Code = fakemongo.CodeNotWritablePrimary
	case p < 0.025:
		v.WriteConcernError = true
	case p < 0.030:
		again = upTo(r, pick(r, time.Second, time.Minute))
	}
	return v, again
}

func upTo(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(r.Float64() * float64(d))
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// wire is the network card of one life of a gate: when the life ends in a
// crash, nothing more is sent. What is under way arrives all the same.
type wire struct {
	dialer  options.ContextDialer
	dead    *atomic.Bool
	machine *machine
}

func (w *wire) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if w.dead.Load() {
		return nil, net.ErrClosed
	}
	c, err := w.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: c, wire: w}, nil
}

type wireConn struct {
	net.Conn
	wire *wire
}

// Read gives a frozen process what it hears when it wakes.
func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.machine.awake()
	return n, err
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.machine.awake()
	if c.wire.dead.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}
