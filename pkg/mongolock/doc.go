// Package mongolock is a lock in MongoDB, with leases that renew themselves and tell their holder of a loss in time.
//
// # What is promised
//
// At most one holder of a key relies on it at any moment ([Lease.Held]), as long as
//
//   - the rates of the machines' clocks differ by less than 1 %: no wall clock decides anything, of no machine;
//   - the holder stops its work within the kill budget once [Lease.Done] is closed, or its context ends;
//   - the store keeps what a majority has acknowledged: every call asks for a majority and its journal.
//
// Each holder of a key gets a fencing token larger than every earlier one ([Lease.Token]), as long as the document
// lives or the server's clock does not step back.
//
// A holder that falls silent is replaced after its ttl + grace, by those who watched it stand still for so long on
// their own clocks. A key that is given back is free at once.
//
// Nothing outside holds a lease up: not the [Options].Observe function, not a change stream, not a call that gets no answer.
// A call whose context ends leaves nothing behind in the store that it could take back ([Locker.Acquire], [Locker.Settle]).
//
// # What is not promised
//
//   - Nobody stops your work for you: the library tells, the program mongogate kills.
//   - A process that is frozen between its last look at the lease and a write of its own writes when it wakes, whoever
//     holds the key by then. Only the place that is written can refuse that: [Fence], or a comparison with the token elsewhere.
//   - Nothing is done exactly once. A done record ([Lease.Finish]) is written after the work, and may be missing when the holder died in between.
//   - Between processes there is no order: whoever looks first after a release has the key. In one process, with one
//     [Locker], it is first come, first served.
//   - Documents that are changed by hand, restored, or freed by [Locker.ForceReleaseNow] while their holder works.
//
// # Which call
//
// Hold a key while a function runs: [Locker.With]. It waits; [Within] says for how long, and Within(0) looks once.
//
//	locker, err := mongolock.Connect(uri, mongolock.Options{})
//	…
//	err = locker.With(ctx, "reports", func(ctx context.Context) error {
//		return makeReports(ctx) // ctx ends when the lock is lost
//	}, mongolock.Within(10*time.Second))
//
// Hold it yourself: [Locker.Acquire] waits, [Locker.Try] looks once; then work while [Lease.Held], or under
// [Lease.Context], and [Lease.Release].
//
// A run that is to be done once (an hour, a day): put the time into the key, and end it with [Lease.Finish] and [Succeeded]; the next
// acquisition returns a [*DoneError]. [Locker.AcquireAlone] does that for runs that must not overlap either.
//
// Errors: [*HeldError], [*DoneError], [*WaitError] and [*FormatError] say what the store says; [*LostError] (and [ErrLost]) that a lease was
// lost; [ErrUnknown] that the store did not say whether it did what was asked, [ErrUnavailable] that it was not to be had;
// [ErrConfig] what no repetition mends.
//
// The documents and calls are described in docs/internals/protocol.md of the repository, the arithmetic in docs/use/safety.md. The
// documents can be shared with workers that use the Python library mongolock (docs/use/python.md).
package mongolock
