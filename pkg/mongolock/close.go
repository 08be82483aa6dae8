package mongolock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/observer"
)

// closesWithin is how long a client that is ended waits for its servers to hear of it.
const closesWithin = time.Second

// Close ends the Locker. Leases that are still held end here with a [*LostError] (LostClosed), for nobody
// renews them any more; they are not given back, for Close does not know whether the work has ended. On a client of the
// caller's own they can still be released; otherwise others take over after ttl + grace. So finish leases first.
//
// It waits for endings and acquisitions that are under way, for ttl + grace at most and no
// longer than ctx: what is not acknowledged by then runs out by itself; then for the observer, at most a second. A client that [Connect] made is disconnected. A second call does nothing.
func (l *Locker) Close(ctx context.Context) error {
	l.entering.Lock()
	l.hint.close()
	l.entering.Unlock()
	l.changing.Lock() // a Reconnect that is under way ends, for the Locker's life is over
	var k *connection
	if l.conn != nil {
		k = l.conn.current()
		k.replace()
	}
	l.changing.Unlock()
	l.settle(ctx)
	err := k.close(ctx)
	l.told.Flush(observer.FlushWithin)
	return err
}

// settle waits for what has begun.
func (l *Locker) settle(ctx context.Context) {
	settled := make(chan struct{})
	go func() { // ends with what it waits for
		defer close(settled)
		l.wait.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timing.Silence()+l.opts.Timing.Operation)
	defer cancel()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

// close ends the client, if it is ours.
func (k *connection) close(ctx context.Context) error {
	if k == nil || k.client == nil {
		return nil
	}
	// Without a deadline of its own: the driver (2.9.3) waits for connections that
	// are in use in a loop without a pause when the context has one.
	end, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	defer time.AfterFunc(closesWithin, cancel).Stop()
	ended := make(chan error, 1)
	go func() { ended <- k.client.Disconnect(end) }()
	var err error
	late := time.NewTimer(2 * closesWithin)
	defer late.Stop()
	select {
	case err = <-ended:
	case <-late.C: // its monitor of a server is in a call (2.9.3): it ends by itself, after 10 s at most
	}
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = nil // its connections are closed; only the servers may not have heard of it
	}
	if err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("closing the MongoDB client: %w", err)
	}
	return nil
}
