package mongolock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
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
	l := newLocker(client.Database(o.Database).Collection(o.Collection), o)
	l.client = client
	return l, nil
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

// decisive is the handle that decides: writes acknowledged by a majority that
// has them in its journal, reads of the primary that a majority has.
func decisive(c *mongo.Collection) *mongo.Collection {
	journal := true
	wc := writeconcern.Majority()
	wc.Journal = &journal
	return c.Clone(options.Collection().
		SetWriteConcern(wc).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()))
}

// Close ends what the Locker started and, where it has a client of its own,
// the client; a second call does nothing. Leases that are held are neither renewed nor released by it: finish them first.
func (l *Locker) Close(ctx context.Context) error {
	l.hint.close()
	l.wait.Wait()
	if l.client == nil {
		return nil
	}
	// Without a deadline of its own: the driver (2.9.3) waits for connections that
	// are in use in a loop without a pause when the context has one.
	end, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	if err := l.client.Disconnect(end); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("closing the MongoDB client: %w", err)
	}
	return nil
}
