package main

const (
	encodeGo  = "pkg/mongolock/encode.go"
	stencilGo = "pkg/mongolock/stencil.go"
	finishGo  = "pkg/mongolock/finish.go"
	outliveGo = "pkg/mongolock/outlive.go"
	lineGo    = "pkg/mongolock/line.go"
	tellGo    = "pkg/mongolock/tell.go"
	closeGo   = "pkg/mongolock/close.go"
)

// libraryMutants are of the edges of the library: endings, cancellations, observers, options, the line in the process.
func libraryMutants() []mutant {
	return []mutant{
		{
			name: "observer-is-waited-for", protects: "nobody who tells waits for the observer",
			edits: []edit{{tellGo, "func (l *Locker) tell(e Event) { l.told.Tell(e) }", "func (l *Locker) tell(e Event) {\n\tif l.opts.Observe != nil {\n\t\tl.opts.Observe(e)\n\t}\n}"}},
			tests: []string{unit("TestObserverCallsBack")},
		},
		{
			name: "loss-is-told-first", protects: "Done is closed before a loss is told",
			edits: []edit{{leaseGo, "func (s *Lease) lose(why *LostError) {\n", "func (s *Lease) lose(why *LostError) {\n\ts.locker.tell(Event{Kind: EventLost, Key: s.key, Err: why})\n\tsleep(s.done, time.Second, nil)\n"}},
			tests: []string{unit("TestObserverCallsBack")},
		},
		{
			name: "drops-are-not-told", protects: "an observer that falls behind is told how much it has missed",
			edits: []edit{{tellGo, "\t\tif missing > 0 {", "\t\tif false {"}},
			tests: []string{unit("TestDroppedEventsAreCounted")},
		},
		{
			name: "ending-without-end", protects: "P6: an ending needs no longer than the lease",
			edits: []edit{{finishGo, "|| left <= 0", "|| left < 0 && false"}, {finishGo, "within = min(t.Operation, left)", "within = t.Operation"}, {finishGo, "min(backoff(tries, t), over-l.opts.Clock.Now())", "backoff(tries, t)"}},
			tests: []string{unit("TestEndingNeedsNoLongerThanTheLease")},
		},
		{
			name: "ending-asks-once", protects: "P6: an ending is repeated until the store acknowledges it",
			edits: []edit{{finishGo, "ctx.Err() != nil || endless(err)", "true"}},
			tests: []string{unit("TestEndingOutlivesAnElection")},
		},
		{
			name: "ending-of-two-calls", protects: "P6: a release is asked for until the lease is over for everybody, whatever the election takes",
			edits: []edit{{finishGo, "return max(s.sent+s.timing.Silence(), s.locker.opts.Clock.Now()+2*s.timing.Operation)", "return s.locker.opts.Clock.Now() + 2*s.timing.Operation"}},
			tests: []string{unit("TestEndingOutlivesAnElection")},
		},
		{
			name: "ending-forbidden-is-over", protects: "P6: a right that is missing may come back within the lease",
			edits: []edit{{finishGo, "return refused(err) && !Denied(err)", "return refused(err)"}},
			tests: []string{unit("TestEndingOutlivesARightThatIsMissing")},
		},
		{
			name: "calls-end-with-the-caller", protects: "P4: a cancelled acquisition leaves no ghost that can be avoided: its call is left to end",
			edits: []edit{{outliveGo, "context.WithCancel(context.WithoutCancel(ctx))", "context.WithCancel(ctx)"}},
			tests: []string{unit("TestCancelledAcquisitionsLeaveNoGhost")},
		},
		{
			name: "late-lease-is-kept", protects: "P4: a lease that comes when nobody waits for it is given back",
			edits: []edit{{outliveGo, "if a.lease == nil || cause == nil {", "if cause = nil; cause == nil {"}},
			tests: []string{unit("TestCancelledAcquisitionsLeaveNoGhost")},
		},
		{
			name: "close-does-not-wait", protects: "P6: Close ends no client under an ending",
			edits: []edit{{closeGo, "\tl.settle(ctx)\n", ""}},
			tests: []string{unit("TestCloseWaitsForEndings")},
		},
		{
			name: "close-leaves-leases", protects: "P5: a closed Locker holds nothing",
			edits: []edit{{leaseGo, "context.WithCancelCause(l.life)", "context.WithCancelCause(context.Background())"}},
			tests: []string{unit("TestCloseEndsItsLeases")},
		},
		{
			name: "line-is-not-stood-in", protects: "one waiter of a process asks the store, first come first served",
			edits: []edit{{lineGo, "\tif r.alone {", "\tif true {"}},
			tests: []string{"./pkg/mongolock -run=^TestLineIsFair$"},
		},
		{
			name: "line-waits-for-a-poll", protects: "a release in the process wakes the next",
			edits: []edit{{finishGo, "\ts.locker.hint.wake(s.key)", "\t_ = s.key"}},
			tests: []string{unit("TestLineIsFair")},
		},
		{
			name: "line-loses-a-turn", protects: "who is cancelled passes its turn on",
			edits: []edit{{lineGo, "\tcase first:", "\tcase first && false:"}},
			tests: []string{unit("TestLineIsLeftAtOnce")},
		},
		{
			name: "only-is-not-asked", protects: "Only counts for calls that look once",
			edits: []edit{{acquireGo, "\tif !r.may() {\n\t\td, err := l.look(ctx, r.key)", "\tif false {\n\t\td, err := l.look(ctx, r.key)"}},
			tests: []string{unit("TestEveryOptionOfEveryCall")},
		},
		{
			name: "ttl-with-anothers-calls", protects: "P12: a lease of another ttl lives by its own arithmetic",
			edits: []edit{{acquireGo, "l.modify(call, r.key, r.timing.Operation,", "l.modify(call, r.key, l.opts.Timing.Operation,"}, {leaseGo, "s.locker.modify(ctx, s.key, s.timing.Operation,", "s.locker.modify(ctx, s.key, s.locker.opts.Timing.Operation,"}},
			tests: []string{unit("TestTimingOfOneLease")},
		},
		{
			name: "stencil-is-not-tried", protects: "P2: what is sent is what was written: a stencil that gives something else is not used",
			edits: []edit{{stencilGo, "if bytes.Equal(c.fill(v).data, e.data) {", "if c.fill(v).kind == e.kind {"}, {stencilGo, "if err != nil || marked.kind != e.kind || len(marked.data) != len(e.data) {", "if err != nil {"}},
			tests: []string{unit("TestStencilThatDoesNotFitIsNotUsed")},
		},
		{
			name: "stencil-forgets-what-is-kept", protects: "P9: a release without a time to keep is no release with one",
			edits: []edit{{encodeGo, `shape{what: "release", keep: e.purge}`, `shape{what: "release"}`}},
			tests: []string{unit("TestStencilsGiveWhatEncodingGives")},
		},
		{
			name: "ended-client-is-polled", protects: "a client that was disconnected is an error, not something to wait for",
			edits: []edit{{"pkg/mongolock/faults.go", "\tif errors.Is(err, mongo.ErrClientDisconnected) {\n\t\treturn true\n\t}\n", ""}},
			tests: []string{unit("TestEndedClientIsSaid")},
		},
	}
}
