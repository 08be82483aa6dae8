package mongolock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
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
	for _, secret := range secrets(uri) {
		s = strings.ReplaceAll(s, secret, "xxxxx")
	}
	return strings.ReplaceAll(s, uri, "the URI")
}

// secrets are the parts of a URI that may be secret, also where it is cut
// short or its parts are in the wrong place; longer ones first.
func secrets(uri string) []string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, query, _ := strings.Cut(rest, "?")
	user, hosts := "", rest
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		user, hosts = rest[:at], rest[at+1:]
	}
	name, password, _ := strings.Cut(user, ":")
	found := []string{user, password, name}
	for h := range strings.FieldsFuncSeq(hosts, func(r rune) bool { return r == ',' || r == '/' }) {
		// What stands where a port should be may be the password of a URI without its host.
		if _, port, ok := strings.Cut(h, ":"); ok && strings.Trim(port, "0123456789") != "" {
			found = append(found, h, port)
		}
	}
	for option := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(strings.ToLower(option), "=")
		if value != "" && (strings.Contains(key, "password") || strings.Contains(key, "properties")) {
			found = append(found, option[len(key)+1:])
		}
	}
	for _, f := range found {
		found = append(found, unescape(f))
	}
	found = slices.DeleteFunc(found, func(f string) bool { return f == "" })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
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
