package mongolock

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/observer"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Locker obtains leases on the keys of one collection. It may be used by many goroutines.
type Locker struct {
	opts  Options
	store Store
	// conn is the store where that is a collection in MongoDB, or nil.
	conn *connections
	// changing is held by who replaces the connection.
	changing sync.Mutex
	// fingerprint is the store's, once it is known.
	fingerprint atomic.Pointer[string]
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
	conn := &connections{now: newConnection(c, nil, nil)}
	return newLocker(conn, conn, o), nil
}

func newLocker(s Store, conn *connections, o Options) *Locker {
	life, stop := context.WithCancelCause(context.Background())
	l := &Locker{opts: o, store: s, conn: conn, life: life, stop: stop, told: telling(o.Observe)}
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

// CheckKey reports why a key cannot be used, as a [problem.Problem] that is [ErrConfig], or nil.
func CheckKey(key string) error {
	bad := func(why string) error {
		return problem.Problem{Field: "key", Value: strconv.Quote(key), Message: why, Cause: ErrConfig}
	}
	switch {
	case key == "":
		return bad("empty: want 1 to 1000 bytes")
	case len(key) > maxKey:
		return problem.Problem{Field: "key", Message: fmt.Sprintf("%d bytes: want 1 to %d", len(key), maxKey), Cause: ErrConfig}
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
