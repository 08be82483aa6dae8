package mongolock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/observer"
)

// Locker obtains leases on the keys of one collection. It may be used by many goroutines.
type Locker struct {
	opts Options
	conn connections
	// changing is held by who replaces the connection.
	changing sync.Mutex
	// store is the fingerprint, once it is known.
	store atomic.Pointer[string]
	// leased is true once a lease was acquired.
	leased atomic.Bool

	watch   watches
	hint    *hints
	lines   lines
	told    *observer.Queue[Event]
	sent    stencils
	pending pending

	// entering is held by who begins what Close waits for, and by Close when it ends that.
	entering sync.Mutex
	life     context.Context //nolint:containedctx // the Locker's own life, which its goroutines and leases share
	stop     context.CancelCauseFunc
	wait     sync.WaitGroup
}

// New builds a Locker on a collection of the caller's client. The collection's
// write concern, read concern and read preference are replaced by those that a
// lock needs; reads for display keep the read preference.
func New(c *mongo.Collection, opts Options) (*Locker, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return newLocker(c, nil, nil, o), nil
}

func newLocker(c *mongo.Collection, own *mongo.Client, sockets *sockets, o Options) *Locker {
	life, stop := context.WithCancelCause(context.Background())
	l := &Locker{opts: o, life: life, stop: stop, told: telling(o.Observe)}
	l.conn.now = newConnection(c, own, sockets)
	l.watch.clock = o.Clock
	l.hint = newHints(l)
	return l
}

// Timing is the arithmetic in force, with every default filled in.
func (l *Locker) Timing() Timing { return l.opts.Timing }

// maxKey is what every server accepts in an index entry (1024 bytes before MongoDB 4.2), with room to spare.
const maxKey = 1000

// reservedPrefix begins the keys of documents that are not locks.
const reservedPrefix = ".mongogate"

// CheckKey reports why a key cannot be used, or nil.
func CheckKey(key string) error {
	bad := func(why string) error { return fmt.Errorf("%w: key %q: %s", ErrConfig, key, why) }
	switch {
	case key == "":
		return bad("empty; want 1 to 1000 bytes")
	case len(key) > maxKey:
		return fmt.Errorf("%w: key of %d bytes: want 1 to %d", ErrConfig, len(key), maxKey)
	case !utf8.ValidString(key):
		return bad("not UTF-8")
	case strings.HasPrefix(key, reservedPrefix):
		return bad("keys that begin with .mongogate are reserved")
	case strings.ContainsFunc(key, unicode.IsControl):
		return bad("has a control character")
	case strings.TrimSpace(key) != key:
		return bad("begins or ends with a blank")
	}
	return nil
}

func distinct(key, job string) error {
	if key == job {
		return fmt.Errorf("%w: key %q: cannot be held twice", ErrConfig, key)
	}
	return nil
}

// hideHistory leaves out of an answer what no decision needs.
var hideHistory = bson.D{{Key: "history", Value: 0}} //nolint:gochecknoglobals // a constant

// modify is one findAndModify that returns the document as it then is (as it was just before, for a renewal), or nil where none matched. It takes no longer than within.
func (l *Locker) modify(ctx context.Context, key string, within time.Duration, filter, pipeline any, how *options.FindOneAndUpdateOptionsBuilder) (*document, error) {
	var raw bson.Raw
	err := l.callWithin(ctx, within, func(ctx context.Context, k *connection) (err error) {
		raw, err = k.coll.FindOneAndUpdate(ctx, filter, pipeline, how).Raw()
		return err
	})
	return answer(key, raw, err)
}

// The ways to ask. Who renews knows who holds the key, and wants to know whether anybody else has written.
//
//nolint:gochecknoglobals // constants
var (
	// forcing is not held against a nonce: it must not meet another key's document.
	forcing   = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory).SetCollation(bytewise)
	updating  = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory)
	renewing  = options.FindOneAndUpdate().SetReturnDocument(options.Before).SetProjection(bson.D{{Key: "history", Value: 0}, {Key: "holder", Value: 0}})
	upserting = options.FindOneAndUpdate().SetReturnDocument(options.After).SetProjection(hideHistory).SetUpsert(true)
)

// read is one read of what a majority has, or nil where there is no document.
func (l *Locker) read(ctx context.Context, key string) (*document, error) {
	var raw bson.Raw
	err := l.call(ctx, func(ctx context.Context, k *connection) (err error) {
		raw, err = k.coll.FindOne(ctx, byID(key), options.FindOne().SetProjection(hideHistory)).Raw()
		return err
	})
	return answer(key, raw, err)
}

func byID(key string) bson.D { return bson.D{{Key: "_id", Value: key}} }

// answer is the document of a key, or nil where there is none.
func answer(key string, raw bson.Raw, err error) (*document, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil //nolint:nilnil // no document is an answer, not a fault
	}
	// A write concern error comes with the document, but what it shows is not a majority's: it is no answer.
	if err != nil {
		return nil, err
	}
	d := decode(raw)
	if d.id != key {
		return nil, otherKey(key, d.id)
	}
	return d, nil
}

func newNonce() string { return rand.Text() }

// rest waits for d, or until ctx or the Locker ends.
func (l *Locker) rest(ctx context.Context, d time.Duration) { sleep(ctx, d, l.life.Done()) }

// sleep waits for d, or until ctx ends or wake receives. It is true where it was woken.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
		return true
	}
	return false
}
