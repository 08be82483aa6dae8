package main

// libraryMutants are of the edges of the library: endings, cancellations, observers, options, the line in the process.
var libraryMutants = []mutant{
	take("observer-is-waited-for", "nobody who tells waits for the observer",
		edits{{"Locker.tell", "l.told.Tell(e)", "if l.opts.Observe != nil { l.opts.Observe(e) }"}}, unit("TestObserverCallsBack")),
	take("loss-is-told-first", "Done is closed before a loss is told",
		edits{{"Lease.lose", "s.end(why)", "s.locker.tell(Event{Kind: EventLost, Key: s.key, Err: why}); sleep(s.done, time.Second, nil); s.end(why)"}}, unit("TestObserverCallsBack")),
	take("drops-are-not-told", "an observer that falls behind is told how much it has missed", edits{{"telling", "if missing > 0 {", "if false {"}}, unit("TestDroppedEventsAreCounted")),
	take("ending-without-end", "P6: an ending needs no longer than the lease", edits{
		{"Locker.finishUntil", "|| left <= 0", "|| left < 0 && false"},
		{"Locker.finishUntil", "within = min(t.Operation, left)", "within = t.Operation"},
		{"Locker.finishUntil", "min(backoff(tries, t), over-l.opts.Clock.Now())", "backoff(tries, t)"},
	}, unit("TestEndingNeedsNoLongerThanTheLease")),
	take("ending-asks-once", "P6: an ending is repeated until the store acknowledges it",
		edits{{"Locker.finishUntil", "ctx.Err() != nil || endless(err)", "true"}}, unit("TestEndingOutlivesAnElection")),
	take("ending-of-two-calls", "P6: a release is asked for until the lease is over for everybody, whatever the election takes",
		edits{{"Lease.over", "max(s.sent+s.timing.Silence(), s.locker.opts.Clock.Now()+2*s.timing.Operation)", "s.locker.opts.Clock.Now() + 2*s.timing.Operation"}}, unit("TestEndingOutlivesAnElection")),
	take("ending-forbidden-is-over", "P6: a right that is missing may come back within the lease",
		edits{{"endless", "return refused(err) && !Denied(err)", "return refused(err)"}}, unit("TestEndingOutlivesARightThatIsMissing")),
	take("calls-end-with-the-caller", "P4: a cancelled acquisition leaves no ghost that can be avoided: its call is left to end",
		edits{{"Locker.attempt", "context.WithCancel(context.WithoutCancel(ctx))", "context.WithCancel(ctx)"}}, unit("TestCancelledAcquisitionsLeaveNoGhost")),
	take("late-lease-is-kept", "P4: a lease that comes when nobody waits for it is given back",
		edits{{"Locker.inTime", "if a.lease == nil || cause == nil {", "if cause = nil; cause == nil {"}}, unit("TestCancelledAcquisitionsLeaveNoGhost")),
	take("close-does-not-wait", "P6: Close ends no client under an ending", edits{{"Locker.Close", "l.settle(ctx)", ""}}, unit("TestCloseWaitsForEndings")),
	take("close-leaves-leases", "P5: a closed Locker holds nothing",
		edits{{"newLease", "context.WithCancelCause(l.life)", "context.WithCancelCause(context.Background())"}}, unit("TestCloseEndsItsLeases")),
	take("line-is-not-stood-in", "one waiter of a process asks the store, first come first served", edits{{"Locker.stand", "if r.alone {", "if true {"}}, "./pkg/mongolock -run=^TestLineIsFair$"),
	take("line-waits-for-a-poll", "a release in the process wakes the next", edits{{"Lease.Finish", "s.locker.hint.wake(s.key)", "_ = s.key"}}, unit("TestLineIsFair")),
	take("line-loses-a-turn", "who is cancelled passes its turn on", edits{{"lines.leave", "case first:", "case first && false:"}}, unit("TestLineIsLeftAtOnce")),
	take("only-is-not-asked", "Only counts for calls that look once", edits{{"Locker.once", "if !r.may() {", "if false {"}}, unit("TestEveryOptionOfEveryCall")),
	take("ttl-with-anothers-calls", "P12: a lease of another ttl lives by its own arithmetic", edits{
		{"Locker.encodeAcquisition", "Within: a.timing.Operation", "Within: l.opts.Timing.Operation"},
		{"Locker.encodeRenewal", "Within: r.timing.Operation", "Within: l.opts.Timing.Operation"},
	}, unit("TestTimingOfOneLease")),
	take("stencil-is-not-tried", "P2: what is sent is what was written: a stencil that gives something else is not used", edits{
		{"mongolock.cut", "if bytes.Equal(c.fill(v).data, e.data) {", "if c.fill(v).kind == e.kind {"},
		{"mongolock.cut", "if err != nil || marked.kind != e.kind || len(marked.data) != len(e.data) {", "if err != nil {"},
	}, unit("TestStencilThatDoesNotFitIsNotUsed")),
	take("stencil-forgets-what-is-kept", "P9: a release without a time to keep is no release with one",
		edits{{"Locker.encodeEnding", `shape{what: "release", keep: e.purge}`, `shape{what: "release"}`}}, unit("TestStencilsGiveWhatEncodingGives")),
	take("ended-client-is-polled", "a client that was disconnected is an error, not something to wait for",
		edits{{"refused", "if errors.Is(err, mongo.ErrClientDisconnected) { return true }", ""}}, unit("TestEndedClientIsSaid")),
}
