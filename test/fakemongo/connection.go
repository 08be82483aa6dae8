package fakemongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// connection is the server's end of a client's connection.
type connection struct {
	cluster *Cluster
	process int
	net     net.Conn
	ctx     context.Context // ends when the client or the server has closed it
	cancel  context.CancelFunc
	writing sync.Mutex
}

// ClientOptions are those that a client of the process needs, in a bubble too.
// The caller adds its deadlines and concerns.
//
// In a bubble such a client must not be disconnected with a context that has a
// deadline: the driver (2.9.3, topology/pool.go) then waits for connections in use
// in a loop without a pause, in which virtual time stands still. [Disconnect] shows the way.
func (c *Cluster) ClientOptions(process int) *options.ClientOptions {
	uri := "mongodb://fakemongo:27017/?directConnection=true"
	if name := c.options.ReplicaSet; name != "" {
		uri += "&replicaSet=" + url.QueryEscape(name)
	}
	return options.Client().ApplyURI(uri).SetDialer(c.Dialer(process)).SetServerMonitoringMode("poll")
}

// Disconnect closes a client within about the limit, even if its server is
// silent: the context is cancelled and has no deadline.
func Disconnect(client *mongo.Client, limit time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(limit, cancel).Stop()
	if err := client.Disconnect(ctx); err != nil {
		return fmt.Errorf("disconnect from the fake: %w", err)
	}
	return nil
}

// Dialer connects one process, see [Cluster.Dialer].
type Dialer struct {
	cluster *Cluster
	process int
}

// Dialer connects a process to the cluster over net.Pipe, whatever the
// address. Each process has its own; in a bubble it is to be used there only.
func (c *Cluster) Dialer(process int) Dialer { return Dialer{c, process} }

// DialContext is for options.ClientOptions.SetDialer. The address does not matter.
func (d Dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	c := d.cluster
	v := c.decide(d.process, "dial", nil)
	refused := &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	if !c.sleep(v.RequestDelay) {
		return nil, refused
	}
	if v.Reset {
		return nil, refused
	}
	c.mu.Lock()
	cut := c.cut[d.process]
	c.mu.Unlock()
	if cut || v.LoseRequest {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", address, ctx.Err())
		case <-c.ctx.Done():
			return nil, refused
		}
	}
	client, server := net.Pipe()
	if !c.serve(d.process, server) {
		client.Close()
		return nil, refused
	}
	return client, nil
}

// Listen serves a process on a TCP port of the loopback interface and returns
// its address. It is for processes that are real ones.
func (c *Cluster) Listen(process int) (address string, err error) {
	l, err := new(net.ListenConfig).Listen(c.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for process %d: %w", process, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.Close()
		return "", errors.New("the cluster is closed")
	}
	c.closers = append(c.closers, func() { l.Close() })
	c.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if v := c.decide(process, "dial", nil); v.Reset || !c.serve(process, conn) {
				conn.Close()
			}
		}
	})
	return l.Addr().String(), nil
}

// serve owns the connection from now on; false if the cluster is closed.
func (c *Cluster) serve(process int, nc net.Conn) bool {
	conn := &connection{cluster: c, process: process, net: nc}
	conn.ctx, conn.cancel = context.WithCancel(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.cancel()
		return false
	}
	c.connected[conn] = true
	c.running.Go(conn.read)
	return true
}

func (conn *connection) close() {
	conn.cancel()
	conn.net.Close()
}

// read takes requests until the client closes. Each is handled in a goroutine
// of its own, for it may outlive the connection.
func (conn *connection) read() {
	c := conn.cluster
	defer func() {
		conn.close()
		c.mu.Lock()
		delete(c.connected, conn)
		c.mu.Unlock()
	}()
	for {
		m, err := readMessage(conn.net)
		if err != nil {
			return
		}
		v := c.decide(conn.process, m.command[0].Key, m.command)
		c.running.Go(func() { conn.handle(m, v) })
	}
}

func (conn *connection) write(b []byte) {
	conn.writing.Lock()
	defer conn.writing.Unlock()
	if _, err := conn.net.Write(b); err != nil {
		conn.close()
	}
}
