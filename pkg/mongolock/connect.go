package mongolock

import (
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// The names that the Python library uses when nothing else is said.
const (
	DefaultDatabase   = "mongolock"
	DefaultCollection = "lock"
)

// Connect builds a Locker with a client of its own from a connection string.
// It does not wait for the server: the first call does. Close ends the client.
//
// The string may name hosts, credentials, TLS, a replica set and read
// preference tags; the latter serve reads for display only. A write concern
// other than majority with journal is refused. Errors never contain the password.
func Connect(uri string, opts Options) (*Locker, error) {
	o, err := opts.withDefaults()
	if err := errors.Join(err, CheckURI(uri)); err != nil {
		return nil, err
	}
	client, sockets, err := newClient(uri, o)
	if err != nil {
		return nil, err
	}
	conn := &connections{now: newConnection(client.Database(o.Database).Collection(o.Collection), client, sockets)}
	return newLocker(conn, conn, o), nil
}

func newClient(uri string, o Options) (*mongo.Client, *sockets, error) {
	c, err := clientOptions(uri)
	if err != nil {
		return nil, nil, err
	}
	t := o.Timing
	// Repeats are ours, with the nonce, and visible.
	c.SetRetryWrites(false).SetRetryReads(false)
	// The driver's defaults for both are 30 s, longer than most leases.
	c.SetConnectTimeout(t.Operation).SetServerSelectionTimeout(t.Operation)
	// A server that is not there any more is to be noticed within the time of one call, whatever the string says.
	if most := max(500*time.Millisecond, min(t.Heartbeat, t.Operation/2, 10*time.Second)); c.HeartbeatInterval == nil || *c.HeartbeatInterval > most {
		c.SetHeartbeatInterval(most)
	}
	if c.MaxConnIdleTime == nil {
		// What was not used for two renewals or looks may be forgotten by the network, and is not kept for a bad moment.
		c.SetMaxConnIdleTime(2 * max(t.Heartbeat, o.Poll))
	}
	if c.AppName == nil {
		c.SetAppName("mongogate")
	}
	if o.testOnlyClient != nil {
		o.testOnlyClient(c)
	}
	sockets := newSockets(c.Dialer, t.Operation)
	c.SetDialer(sockets)
	client, err := mongo.Connect(c)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: MongoDB client: %s", ErrConfig, withhold(err, uri))
	}
	return client, sockets, nil
}
