package mongolock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
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

// CheckURI reports what is wrong with a connection string, without connecting
// and without repeating any secret of it.
func CheckURI(uri string) error {
	_, err := clientOptions(uri)
	return err
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
		return nil, fmt.Errorf("%w: MongoDB client: %s", ErrConfig, redact(err, uri))
	}
	return client, nil
}

func clientOptions(uri string) (*options.ClientOptions, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: MongoDB URI: "+format, append([]any{ErrConfig}, args...)...)
	}
	if uri == "" {
		return nil, bad("empty; want mongodb://HOST[:PORT][,HOST…]/?replicaSet=NAME or mongodb+srv://HOST/")
	}
	// An SRV name is looked up by the client when it connects; what can be checked now is checked as a plain string.
	plain := uri
	if rest, ok := strings.CutPrefix(uri, "mongodb+srv://"); ok {
		plain = "mongodb://" + rest
	}
	cs, err := connstring.Parse(plain)
	if err != nil {
		return nil, bad("%s", redact(err, uri))
	}
	var errs []error
	if cs.WNumberSet {
		errs = append(errs, bad("w=%d: a lock needs w=majority; leave w out", cs.WNumber))
	}
	if cs.WString != "" && cs.WString != "majority" {
		errs = append(errs, bad("w=%s: a lock needs w=majority; leave w out", cs.WString))
	}
	if cs.JSet && !cs.J {
		errs = append(errs, bad("journal=false: a lock needs the journal; leave it out"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	c := options.Client().ApplyURI(uri)
	if err := c.Validate(); err != nil {
		return nil, bad("%s", redact(err, uri))
	}
	return c, nil
}

// redact gives the error's text without anything that stands in the URI's user part or its query.
func redact(err error, uri string) string {
	s := err.Error()
	if strings.Contains(s, "escape") {
		// The driver quotes the bytes after a percent sign, which may be the password's.
		return "a percent sign in it is not followed by two hexadecimal digits; write % in names and passwords as %25"
	}
	_, rest, _ := strings.Cut(uri, "://")
	if user, _, ok := strings.Cut(rest, "@"); ok {
		name, password, _ := strings.Cut(user, ":")
		for _, secret := range []string{password, unescape(password), user, name} {
			if len(secret) > 0 {
				s = strings.ReplaceAll(s, secret, "xxxxx")
			}
		}
	}
	return strings.ReplaceAll(s, uri, "the URI")
}

func unescape(s string) string {
	u, err := url.QueryUnescape(s)
	if err != nil {
		return ""
	}
	return u
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
	if err := l.client.Disconnect(ctx); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("closing the MongoDB client: %w", err)
	}
	return nil
}
