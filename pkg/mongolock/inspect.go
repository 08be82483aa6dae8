package mongolock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ErrNoLock is returned for a key that has no document.
var ErrNoLock = errors.New("no such lock")

// ErrNotHeld is returned by [Locker.Revoke] for a key that was free or done: there was nobody to ask.
var ErrNotHeld = errors.New("nobody holds it")

// Info says what the store knows of a key. It is for people: it may come from
// a secondary, if the client's read preference says so. [ErrNoLock] where there is nothing.
func (l *Locker) Info(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	d, err := l.show(ctx, key)
	if err != nil {
		return Info{}, fmt.Errorf("reading lock %q: %w", key, err)
	}
	if d == nil {
		return Info{}, fmt.Errorf("%q: %w", key, ErrNoLock)
	}
	return d.shown(), nil
}

// show reads a document for people, with its history.
func (l *Locker) show(ctx context.Context, key string) (*document, error) {
	if l.conn == nil {
		return l.read(ctx, key)
	}
	var raw bson.Raw
	err := l.call(ctx, func(ctx context.Context, k *connection) (err error) {
		raw, err = found(k.display.FindOne(ctx, byID(key)).Raw())
		return err
	})
	return Change{Key: key}.answer(raw, err)
}

// History lists the last acquisitions of a key, oldest first, at most 10.
func (l *Locker) History(ctx context.Context, key string) ([]HandOver, error) {
	i, err := l.Info(ctx, key)
	return i.History, err
}

// IsLocked is true where somebody held the key when the store was asked, as far as the store knows: also one who
// crashed and has not been replaced yet. A done record counts as locked, as it does for the Python library.
func (l *Locker) IsLocked(ctx context.Context, key string) (bool, error) {
	i, err := l.Info(ctx, key)
	if errors.Is(err, ErrNoLock) {
		return false, nil
	}
	return i.Locked, err
}

// List gives the keys that begin with prefix, in their order, at most limit (zero: all), without their histories.
func (l *Locker) List(ctx context.Context, prefix string, limit int) ([]Info, error) {
	var list []Info
	err := l.each(ctx, prefix, int64(limit), func(d *document) { list = append(list, d.shown()) })
	return list, err
}

// each decodes every lock document whose key begins with prefix.
func (l *Locker) each(ctx context.Context, prefix string, limit int64, f func(*document)) error {
	ctx, cancel := context.WithTimeout(ctx, 4*l.opts.Timing.Operation) // many documents, so more than one call's time
	defer cancel()
	o := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetProjection(hideHistory).SetLimit(limit).SetCollation(bytewise)
	k, done, err := l.use()
	if err != nil {
		return err
	}
	defer done()
	cur, err := k.display.Find(ctx, keysFrom(prefix), o)
	if err != nil {
		return fmt.Errorf("listing locks: %w", marked(err))
	}
	defer func() { _ = cur.Close(context.WithoutCancel(ctx)) }()
	for cur.Next(ctx) {
		// Byte for byte, also where the store compares otherwise.
		if d := decode(cur.Current); strings.HasPrefix(d.id, prefix) && !strings.HasPrefix(d.id, reservedPrefix) {
			f(d)
		}
	}
	if err := cur.Err(); err != nil {
		return fmt.Errorf("listing locks: %w", marked(err))
	}
	return nil
}

// keysFrom selects the string keys that begin with prefix, leaving out what is not a lock.
func keysFrom(prefix string) bson.D {
	id := bson.D{{Key: "$gte", Value: prefix}, {Key: "$not", Value: bson.D{{Key: "$gte", Value: reservedPrefix}, {Key: "$lt", Value: after(reservedPrefix)}}}}
	if prefix != "" {
		id = append(id, bson.E{Key: "$lt", Value: after(prefix)})
	}
	return bson.D{{Key: "_id", Value: id}}
}

// after is the first string that is larger than every string with this prefix.
func after(prefix string) string { return prefix + "\U0010FFFF" }

// Revoke asks the holder to give the key up: its next renewal answers that
// the lock is lost, it stops its work and releases. Challengers wait for that,
// or watch it for its ttl + grace, as ever. It returns what the store says now; [ErrNotHeld] where nobody holds the key.
func (l *Locker) Revoke(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	d, err := l.change(ctx, revoking{}.change(key, l.opts.Timing.Operation))
	if err != nil {
		return Info{}, fmt.Errorf("revoking lock %q: %w", key, err)
	}
	if d == nil || d.damaged {
		return l.notRevoked(ctx, key)
	}
	return d.Info, nil
}

// unchanged is the document to which a change did not apply; the error is [ErrNoLock] where there is none, a [*FormatError]
// where it is of a later format or damaged.
func (l *Locker) unchanged(ctx context.Context, key string) (*document, error) {
	d, err := l.look(ctx, key)
	switch {
	case err != nil:
		return &document{}, err
	case d == nil:
		return &document{}, fmt.Errorf("%q: %w", key, ErrNoLock)
	case d.v != Format || d.damaged:
		return d, &FormatError{Key: key, Problems: append(d.problems, mendIt)}
	}
	return d, nil
}

func (l *Locker) notRevoked(ctx context.Context, key string) (Info, error) {
	d, err := l.unchanged(ctx, key)
	switch {
	case err != nil:
		return d.Info, err
	case d.ours():
		return d.Info, fmt.Errorf("lock %q: %w when it was to be revoked, %s has acquired it since", key, ErrNotHeld, shownName(d.Owner))
	case d.Locked && d.State == stateHeld:
		return d.Info, fmt.Errorf("lock %q is held by %s without a nonce (a Python worker): it cannot be asked, only forced now", key, shownName(d.Owner))
	default:
		return d.Info, fmt.Errorf("lock %q: %w, it is %s", key, ErrNotHeld, d.State)
	}
}

// ForceReleaseNow frees the key at once, also of a done record. Its holder
// learns of it at its next renewal: until then TWO HOLDERS MAY RUN. It returns
// what the store says now.
func (l *Locker) ForceReleaseNow(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	d, err := l.change(ctx, freeing{}.change(key, l.opts.Timing.Operation))
	if err != nil {
		return Info{}, fmt.Errorf("freeing lock %q: %w", key, err)
	}
	if d == nil || d.damaged {
		d, err := l.unchanged(ctx, key)
		if err == nil {
			err = fmt.Errorf("%q: %w", key, ErrNoLock) // it came meanwhile
		}
		return d.Info, err
	}
	return d.Info, nil
}

// MarkAbandoned marks the held documents whose keys begin with prefix and that
// nobody has renewed for at least idle, so that the TTL index removes them
// after another idle. Whoever renews or acquires one unmarks it. It returns how many it marked.
func (l *Locker) MarkAbandoned(ctx context.Context, prefix string, idle time.Duration) (int64, error) {
	if prefix == "" || idle <= 0 {
		return 0, fmt.Errorf("%w: marking abandoned locks needs a prefix and a time", ErrConfig)
	}
	filter := append(keysFrom(prefix), bson.E{Key: "state", Value: stateHeld}, bson.E{Key: "purgeAt", Value: nil})
	abandoned := op("$and", sane(),
		op("$eq", op("$type", "$touched"), "date"),
		op("$lt", op("$add", op("$toLong", "$touched"), idle.Milliseconds()), op("$toLong", "$$NOW")))
	mark := bson.A{op("$set", bson.D{{Key: "purgeAt", Value: op("$cond", abandoned, op("$add", "$$NOW", idle.Milliseconds()), "$$REMOVE")}})}
	var marked int64
	err := l.call(ctx, func(ctx context.Context, k *connection) error {
		r, err := k.coll.UpdateMany(ctx, filter, mark, options.UpdateMany().SetCollation(bytewise))
		if r != nil {
			marked = r.ModifiedCount
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("marking abandoned locks %q…: %w", prefix, err)
	}
	return marked, nil
}

// ServerTime is the clock of the server that answered, for people ("12 s left"); nothing is decided by it.
func (l *Locker) ServerTime(ctx context.Context) (time.Time, error) {
	k, done, err := l.use()
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	h, err := l.hello(ctx, k)
	if err != nil {
		return time.Time{}, err
	}
	if !h.LocalTime.IsZero() {
		return h.LocalTime, nil
	}
	// The engine of the npm registry leaves it out.
	var now struct {
		Now time.Time `bson:"now"`
	}
	err = l.call(ctx, func(ctx context.Context, k *connection) error {
		cur, err := k.coll.Database().Aggregate(ctx, bson.A{
			op("$documents", bson.A{bson.D{}}), op("$project", bson.D{{Key: "now", Value: "$$NOW"}}),
		})
		if err != nil {
			return err
		}
		defer func() { _ = cur.Close(ctx) }()
		cur.Next(ctx)
		return cur.Decode(&now)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("asking the server for its time: %w", err)
	}
	return now.Now, nil
}

type hello struct {
	LocalTime time.Time `bson:"localTime"`
	SetName   string    `bson:"setName"`
	Msg       string    `bson:"msg"` // "isdbgrid" from a mongos
	Hosts     []string  `bson:"hosts"`
	MaxWire   int       `bson:"maxWireVersion"`
}

func (l *Locker) hello(ctx context.Context, k *connection) (hello, error) {
	var h hello
	ask := func(name string) error {
		return l.callOn(ctx, k, func(ctx context.Context, k *connection) error {
			return k.coll.Database().Client().Database("admin").RunCommand(ctx, bson.D{{Key: name, Value: 1}}).Decode(&h)
		})
	}
	err := ask("hello")
	var ce mongo.CommandError
	if errors.As(err, &ce) && ce.Code == 59 {
		err = ask("isMaster") // MongoDB 4.4.0 and 4.4.1 have no hello yet
	}
	if err != nil {
		return h, fmt.Errorf("asking the server who it is: %w", err)
	}
	return h, nil
}
