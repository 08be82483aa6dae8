package mongolock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Store is where the documents of locks are kept. A lock asks two things of it, and all that is promised rests on how
// it answers. [New] and [Connect] use a collection in MongoDB; package memory has one for tests.
//
// The error of a call says that nothing was done, and that no repetition mends it, where it is an [ErrConfig]. After any
// other error it is not known what was done: callers of the Locker find it as [ErrUnknown], or as [ErrUnavailable] where a
// deadline has passed. Keys are compared byte for byte.
type Store interface {
	// Modify makes one change to the document of one key, as one atomic step. It returns when a majority keeps what was
	// written, or when ctx ends. It returns the document as it is after the change, as it was before where c.Before asks
	// for that, and nil where the change does not apply to it.
	Modify(ctx context.Context, c Change) (bson.Raw, error)
	// Find returns the document of a key as a majority keeps it, and nil where there is none, until ctx ends.
	Find(ctx context.Context, key string) (bson.Raw, error)
}

// Change is one change to the document of one key, made by a Locker: for servers that run pipelines, as what they are sent, and for other
// stores as [Change.Apply].
type Change struct {
	Key string
	// Filter says to which document the change applies, Pipeline what becomes of it: findAndModify's query and update.
	// Both can be marshalled to BSON.
	Filter, Pipeline any
	// Upsert applies the change to a document that has only its _id, where there is none.
	Upsert bool
	// Before asks for the document as it was before.
	Before bool
	// Within is how long the call may take. Its context ends then.
	Within time.Duration

	step step
	// exactly compares the key byte for byte, whatever the collection does: nothing else in the filter tells one lock from another.
	exactly bool
}

// Apply makes the change in Go: next is the document to be kept, of one that reads doc (nil: there is none) at now, the
// store's own time. It is false where the change does not apply to it. A change that leaves a document as it is gives it
// back; so does an acquisition with bytes that are no document.
func (c Change) Apply(doc bson.Raw, now time.Time) (next bson.Raw, applies bool) {
	switch {
	case c.step == nil:
		return nil, false
	case len(doc) == 0 && c.Upsert:
		doc = upserted(c.Key)
	case len(doc) == 0:
		return nil, false
	case doc.Validate() != nil || absent(doc.Lookup("_id")): // what cannot be read is not missing
		return doc, c.Upsert
	}
	if !c.step.applies(doc) {
		return nil, false
	}
	return c.step.apply(doc, now.Truncate(time.Millisecond)), true
}

// step is a change in Go. What it makes of a document is what its pipeline makes of it, byte for byte.
type step interface {
	applies(doc bson.Raw) bool
	apply(doc bson.Raw, now time.Time) bson.Raw
}

// NewWithStore builds a Locker on a store of the caller's own. What people ask of a collection in MongoDB (lists, checks,
// change streams, transactions, new credentials) it does not have: those calls return [errors.ErrUnsupported].
func NewWithStore(s Store, opts Options) (*Locker, error) {
	o, err := opts.withDefaults()
	if o.ChangeStream {
		err = errors.Join(err, fmt.Errorf("%w: ChangeStream: this store has none", ErrConfig))
	}
	if s == nil {
		err = errors.Join(err, fmt.Errorf("%w: there is no store", ErrConfig))
	}
	if err != nil {
		return nil, err
	}
	return newLocker(callersStore{s}, nil, o), nil
}

// callersStore is a store of the caller's own. Its calls end in their time, and its errors say what those of a collection say.
type callersStore struct{ Store }

func (s callersStore) Modify(ctx context.Context, c Change) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	raw, err := s.Store.Modify(ctx, c)
	return raw, markedBy(ctx, err)
}

func (s callersStore) Find(ctx context.Context, key string) (bson.Raw, error) {
	raw, err := s.Store.Find(ctx, key)
	return raw, markedBy(ctx, err)
}

// markedBy is [marked]. Once ctx has ended the error says that, and is nothing else: its cause may be a lease's own loss,
// which would be taken for the store's answer about it.
func markedBy(ctx context.Context, err error) error {
	if ended := ctx.Err(); err != nil && ended != nil && err != ended { //nolint:errorlint // the very error of the context
		err = fmt.Errorf("%w: %v", ended, err) //nolint:errorlint // see above
	}
	return marked(err)
}

// errNoCollection is for calls that only a collection in MongoDB can answer.
var errNoCollection = fmt.Errorf("this store is no collection in MongoDB: %w", errors.ErrUnsupported)

// read is one read of what a majority has, or nil where there is no document.
func (l *Locker) read(ctx context.Context, key string) (*document, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timing.Operation)
	defer cancel()
	return Change{Key: key}.answer(l.store.Find(ctx, key))
}

// change makes a change.
func (l *Locker) change(ctx context.Context, c Change) (*document, error) {
	return c.answer(l.store.Modify(ctx, c))
}

// answer is the document that a store has answered with, or nil where there is none.
func (c Change) answer(raw bson.Raw, err error) (*document, error) {
	if err != nil || raw == nil {
		return nil, err
	}
	d := decode(raw)
	if d.id != c.Key && d.State != stateUnreadable {
		return nil, otherKey(c.Key, d.id)
	}
	return d, nil
}
