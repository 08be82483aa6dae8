package mongolock

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/boottime"
)

// Options configure a [Locker]. The zero value works.
type Options struct {
	// Database and Collection are used by [Connect]; mongolock and lock.
	Database, Collection string
	// Owner is who acquires, for people; the host's name. It never proves anything.
	Owner string
	// Holder is stored with each lease.
	Holder Holder
	// Timing is the arithmetic of the leases.
	Timing Timing
	// Poll is the time between two looks while waiting; TTL/6, at most 5 s. Each is drawn from 75 to 95 % of it,
	// so that waiters spread and a hand-over still comes within it.
	Poll time.Duration
	// ChangeStream uses one change stream of the collection as a hint, so
	// that a clean release is seen at once. Polling goes on beneath it, and
	// where the store has none it is all there is.
	ChangeStream bool
	// Keep is how long finished documents are kept; zero keeps them forever.
	// It needs the TTL index that [Locker.CreateIndex] makes.
	Keep time.Duration
	// FailedHold makes a failed run leave a record that only the same Job
	// (by Holder.JobUID) may take; otherwise a failed run releases its key.
	FailedHold bool
	// Observe is told what happens: one event after the other, in their order, from a goroutine of its own. Nothing
	// waits for it: what happens while it takes its time is kept, the last 1024 events, and what is dropped is counted
	// ([EventDropped], [Locker.Dropped]). It may call the Locker and its leases. [Lease.Done] is closed before
	// [EventLost] is told. A panic in it ends the program, as in any goroutine.
	Observe func(Event)
	// Clock measures leases and silence; [boottime.Clock].
	Clock Clock

	testOnlyClient func(*options.ClientOptions)
}

func (o Options) withDefaults() (Options, error) {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	if o.Collection == "" {
		o.Collection = DefaultCollection
	}
	if o.Owner == "" {
		host, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("%w: owner: no name given and the host has none: %w", ErrConfig, err)
		}
		o.Owner = host
	}
	o.Timing = o.Timing.WithDefaults()
	if o.Poll == 0 {
		o.Poll = min(o.Timing.TTL/6, 5*time.Second)
	}
	if o.Clock == nil {
		o.Clock = boottime.Clock{}
	}
	errs := []error{o.Timing.Validate(), checkTexts(o.Owner, o.Holder)}
	if o.Poll < 0 {
		errs = append(errs, fmt.Errorf("poll %v: must be positive", o.Poll))
	}
	if o.Keep < 0 {
		errs = append(errs, fmt.Errorf("keep %v: must not be negative", o.Keep))
	}
	if err := errors.Join(errs...); err != nil {
		return o, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return o, nil
}

// Clock measures leases. Instants are durations since some fixed moment; only their differences mean anything.
type Clock interface {
	Now() time.Duration
}

// EventKind tells events apart.
type EventKind string

// The kinds of events.
const (
	EventWaiting   EventKind = "waiting"   // somebody holds the key; Info says who
	EventAcquired  EventKind = "acquired"  // Token
	EventRenewed   EventKind = "renewed"   // Took
	EventUnknown   EventKind = "unknown"   // a call was not acknowledged; Call and Err
	EventLost      EventKind = "lost"      // Err
	EventSuccessor EventKind = "successor" // after a loss: Info is what the store says now
	EventFinished  EventKind = "finished"  // released or done
	EventDropped   EventKind = "dropped"   // Dropped events before this one were not told: the observer took too long
)

// Event is something that happened to a key.
type Event struct {
	Kind  EventKind
	Key   string
	Token int64
	Info  *Info
	// Call is the call that Took or failed with Err: acquire, renew, finish, read.
	Call string
	Took time.Duration
	Err  error
	// Dropped is how many events were not told.
	Dropped int
}
