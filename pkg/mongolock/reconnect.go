package mongolock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ErrOtherStore is returned by [Locker.Reconnect] where a connection string
// leads to another store than the one whose locks are held.
var ErrOtherStore = errors.New("this is another store")

// Reconnect replaces the Locker's own client by one made from another
// connection string, such as one with a new password, or from the same one
// where the files that it names have changed. Leases, watches and those who
// wait go on over the new client; nothing is lost, released or acquired.
//
// The new client takes the old one's place only when a server has let it in,
// has shown the fingerprint of the same store, and has acknowledged a write
// that changes nothing but needs the rights of an acquisition, by a majority.
// Until then, and after every error, the old client is used as before. It is
// ended when its last call has ended.
//
// The error is [ErrConfig] for a string that cannot be used, [ErrOtherStore],
// [ErrClosed], or that of a call. It never contains the password.
func (l *Locker) Reconnect(ctx context.Context, uri string) error {
	if l.conn == nil {
		return fmt.Errorf("reconnecting: %w", errNoCollection)
	}
	if l.conn.current().client == nil {
		return fmt.Errorf("%w: reconnecting: the client is the caller's", ErrConfig)
	}
	if err := CheckURI(uri); err != nil {
		return err
	}
	l.changing.Lock()
	defer l.changing.Unlock()
	if l.life.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	client, sockets, err := newClient(uri, l.opts)
	if err != nil {
		return err
	}
	next := newConnection(client.Database(l.opts.Database).Collection(l.opts.Collection), client, sockets)
	if err := l.same(ctx, next); err != nil {
		l.retire(next)
		return err
	}
	l.retire(l.conn.swap(next))
	l.hint.again()
	return nil
}

// retire ends a client when its last call has ended, each within its own deadline. The caller holds changing.
func (l *Locker) retire(old *connection) {
	l.wait.Go(func() {
		old.calls.Wait()
		_ = old.close(context.Background()) // nothing can be done about it, and nothing depends on it
	})
}

// same proves that a connection leads to the store that this Locker has used
// so far, and may do there what an acquisition needs.
func (l *Locker) same(ctx context.Context, next *connection) error {
	known, err := l.fingerprintInUse(ctx)
	if err != nil {
		return err
	}
	s, err := l.identify(ctx, next, known == "")
	if errors.Is(err, mongo.ErrNoDocuments) {
		return fmt.Errorf("%w: it has no fingerprint yet, and that of the store in use is %s", ErrOtherStore, known)
	}
	if err != nil {
		return err
	}
	if known != "" && known != s.Fingerprint {
		return fmt.Errorf("%w: %s, not %s", ErrOtherStore, s.Fingerprint, known)
	}
	if err := l.mayAcquire(ctx, next, s.Fingerprint[strings.LastIndexByte(s.Fingerprint, '/')+1:]); err != nil {
		return err
	}
	if known == "" && l.leased.Load() {
		return fmt.Errorf("%w: a lease was acquired meanwhile, before the store was identified", ErrUnknown)
	}
	l.fingerprint.Store(&s.Fingerprint)
	return nil
}

// fingerprintInUse is that of the store in use; empty where no lease was ever had from it, so that another store is as good.
func (l *Locker) fingerprintInUse(ctx context.Context) (string, error) {
	if known := l.fingerprint.Load(); known != nil {
		return *known, nil
	}
	s, err := l.Store(ctx)
	if err != nil && l.leased.Load() {
		return "", fmt.Errorf("the store in use is not identified, so it cannot be compared with another: %w", err)
	}
	if err != nil {
		return "", nil //nolint:nilerr // nothing can be lost by a change of the store
	}
	return s.Fingerprint, nil
}

// mayAcquire sends what needs the rights of an acquisition and changes nothing: the document of the fingerprint is made
// what it is. Should somebody have deleted it meanwhile, it is there again.
func (l *Locker) mayAcquire(ctx context.Context, k *connection, id string) error {
	err := l.callOn(ctx, k, func(ctx context.Context, k *connection) error {
		o := options.FindOneAndUpdate().SetReturnDocument(options.After).SetUpsert(true)
		return k.coll.FindOneAndUpdate(ctx, byID(storeID), bson.A{op("$set", storeFields(id))}, o).Err()
	})
	if err != nil {
		return fmt.Errorf("trying the rights that an acquisition needs: %w", err)
	}
	return nil
}
