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
	client, err := newClient(uri, o)
	if err != nil {
		return nil, err
	}
	return newLocker(client.Database(o.Database).Collection(o.Collection), client, o), nil
}

func newClient(uri string, o Options) (*mongo.Client, error) {
	c, err := clientOptions(uri)
	if err != nil {
		return nil, err
	}
	t := o.Timing
	// Repeats are ours, with the nonce, and visible.
	c.SetRetryWrites(false).SetRetryReads(false)
	// The driver's defaults for both are 30 s, longer than most leases.
	c.SetConnectTimeout(t.Operation).SetServerSelectionTimeout(t.Operation)
	if c.HeartbeatInterval == nil {
		c.SetHeartbeatInterval(max(500*time.Millisecond, min(t.Heartbeat, 10*time.Second)))
	}
	if c.AppName == nil {
		c.SetAppName("mongogate")
	}
	if o.testOnlyClient != nil {
		o.testOnlyClient(c)
	}
	client, err := mongo.Connect(c)
	if err != nil {
		return nil, fmt.Errorf("%w: MongoDB client: %s", ErrConfig, withhold(err, uri))
	}
	return client, nil
}
