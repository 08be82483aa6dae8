package main

// leaseMutants are of what a holder and a challenger believe, and of the arithmetic.
var leaseMutants = []mutant{
	take("repeat-believed", "P4: the answer to a repeated acquire does not open the gate",
		edits{{"Locker.won", "if repeat {", "if false {"}}, unit("TestP4_LostReplyIsAskedAgainAndOpensByARenewal"), sim),
	take("repeat-counts-from-the-first", "P4: not even counted from the first try", edits{
		{"Locker.won", "if repeat {", "if false {"},
		{"Locker.send", "return l.won(asked, call, r, a, d, sent, unknown)", "_ = sent; return l.won(asked, call, r, a, d, first, unknown)"},
	}, unit("TestP4_LostReplyIsAskedAgainAndOpensByARenewal"), sim),
	take("driver-repeats", "P4: repeats are ours, with the nonce, and visible: the driver makes none",
		edits{{"newClient", "c.SetRetryWrites(false).SetRetryReads(false)", "c.SetRetryWrites(true).SetRetryReads(false)"}}, unit("TestP4_RepeatsAreOursAndVisible")),
	take("no-giving-up", "P4: who gives an acquisition up sends a release",
		edits{{"Locker.send", "if unknown { l.giveUp(call, r, a.nonce, []int64{a.mark}, sent) }", ""}}, unit("TestP4_EveryReplyLostIsGivenUpWithARelease")),
	take("write-concern-error-believed", "P4: a write concern error is unknown, though a document comes with it",
		edits{{
			"answer", "return nil, err",
			`var we mongo.WriteException; var ce mongo.CommandError; for _, r := range []bson.Raw{func() bson.Raw { errors.As(err, &we); return we.Raw }(), func() bson.Raw { errors.As(err, &ce); return ce.Raw }()} { if d, ok := r.Lookup("value").DocumentOK(); ok { return decode(d), nil } }; return nil, err`,
		}}, unit("TestP4_WriteConcernErrorIsUnknown")),
	take("calls-without-deadline", "P4: every call has its own short deadline",
		edits{{"Locker.callWithin", "ctx, cancel := context.WithTimeout(ctx, within); defer cancel()", "_ = within"}}, unit("TestP5_LostAtTheDeadlineWhileCallsHang")),
	take("unknown-renewal-counts", "P5: a renewal that was not acknowledged extends nothing",
		edits{{"Lease.beatOnce", "case err != nil:", "case err != nil: s.acknowledged(sent)"}}, unit("TestP5_LostAtTheDeadlineWhileCallsHang"), sim),
	take("deadline-from-the-answer", "P5: a lease counts from before its request was sent",
		edits{{"Lease.beatOnce", "if !s.acknowledged(sent) {", "if !s.acknowledged(clock.Now()) {"}}, unit("TestP5_DeadlineCountsFromTheSending"), longSim),
	take("late-answer-reopens", "P5: a lease whose deadline has passed is never held again",
		edits{{"Lease.acknowledged", "if s.counts && s.locker.opts.Clock.Now() >= s.deadline {", "if false {"}}, unit("TestP5_LateAnswerDoesNotReopen")),
	take("no-watchdog", "P5: the deadline ends the lease although calls hang", edits{{"Lease.start", "s.loops.Go(s.watchdog)", ""}}, unit("TestP5_LostAtTheDeadlineWhileCallsHang")),
	take("lost-is-unknown", "P5: no document means lost", edits{{"Lease.beatOnce", "return &LostError{Key: s.key, Reason: LostTaken}", "return ErrUnknown"}}, suite),
	take("revoked-is-ignored", "P11: a revoked holder learns of it at its next renewal", edits{{"Lease.left", "case d.Revoked:", "case false:"}}, suite),
	take("renewal-of-what-has-expired", "P5: a renewal does not ask whether the lease has expired",
		edits{{
			"mongolock.held", `{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}`,
			`{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}, {Key: "$expr", Value: op("$gt", "$expire", "$$NOW")}}`,
		}}, suite),
	take("renewal-of-another", "P5: only the nonce renews", edits{{"mongolock.held", `{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}`, `{Key: "state", Value: stateHeld}}`}}, suite),
	take("release-of-another", "P6: only the nonce releases", edits{
		{"ending.filter", `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}, {Key: "mark", Value: bson.D{{Key: "$in", Value: e.known}}}, {Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}}},`, `bson.D{{Key: "state", Value: stateHeld}},`},
		{"ending.pipeline", `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`, `mine := op("$eq", "$state", stateHeld)`},
	}, suite, sim),
	take("repeated-release-writes-nothing", "P6: the acknowledgement of a repeated release is a majority's",
		edits{{"Lease.nextEnding", "return s.endings", "return 1"}}, unit("TestP6_EveryReleaseIsAWrite")),
	take("no-kill-budget", "P12: the kill budget is kept back from the lease",
		edits{{"Timing.Deadline", "return sent + t.TTL - t.KillBudget - t.Drift()", "return sent + t.TTL - t.Drift()"}}, unit("TestP12_DefaultsFollowFromTheTTL")),
	take("no-drift", "P12: the drift margin is kept back from the lease",
		edits{{"Timing.Deadline", "return sent + t.TTL - t.KillBudget - t.Drift()", "return sent + t.TTL - t.KillBudget"}}, unit("TestP12_DefaultsFollowFromTheTTL")),
	take("no-arithmetic", "P12: timing that one failed renewal would break is refused",
		edits{{"Timing.Validate", "need > have {", "false { _, _ = need, have"}}, unit("TestP12_ArithmeticIsRefusedWithItsSum")),
}

// runMutants are of done records, skipping, and runs that must not overlap.
var runMutants = []mutant{
	take("skip-without-proof", "P9: a run is skipped only where its holder was seen to be alive", edits{{"Locker.judge", "if r.skip && held.Moving && (", "if r.skip && ("}}, suite),
	take("skip-for-a-new-holder", "P9: another nonce is no movement of the one that was seen",
		edits{{"watches.saw", "e.moved = same && seen.beat > e.top", "e.moved = seen.beat > e.top"}}, unit("TestP9_MovedIsProofOfLife")),
	take("skip-for-an-old-movement", "P9: a movement proves life only if it was seen within the holder's silence",
		edits{{"watches.saw", "&& since <= d.silence()", ""}, {"watches.saw", "since := now - e.looked", "_ = now - e.looked"}}, unit("TestP9_MovedIsProofOfLife")),
	take("skip-for-the-same-job", "P9: a holder of the same Job is waited for", edits{{"Locker.judge", `(d.Holder.JobUID == "" || d.Holder.JobUID != l.opts.Holder.JobUID)`, "true"}}, suite),
	take("done-on-an-old-primary", "P9: a done record that no majority has is no proof",
		edits{{"Locker.round", "if lease == nil && err == nil && d.State == stateDone {", "if false {"}, {"Locker.once", "if d.State == stateDone {", "if false {"}}, unit("TestP9_DoneOnAnOldPrimaryIsNoProof")),
	take("pair-later-deadline", "P9: a pair is held until the earlier deadline",
		edits{{"Pair.Deadline", "return min(p.Run.Deadline(), p.Job.Deadline())", "return max(p.Run.Deadline(), p.Job.Deadline())"}}, suite),
	take("pair-one-loss", "P9: the loss of either key is a loss", edits{{"Pair.follow", "case <-p.Job.Done(): p.end(p.Job.Err()); return", ""}}, suite),
	take("pair-one-held", "P9: a pair is held while both are", edits{{"Pair.Held", "return p.Run.Held() && p.Job.Held()", "return p.Run.Held()"}}, suite),
	take("pair-finishes-job-first", "P9: the record is written before the job's key is released",
		edits{{
			"Pair.Finish", "return errors.Join(p.Run.Finish(ctx, outcome), p.Job.Finish(ctx, Released))",
			"return errors.Join(p.Job.Finish(ctx, Released), p.Run.Finish(ctx, outcome))",
		}}, unit("TestP9_RecordIsWrittenBeforeTheJobIsFree")),
	take("pair-without-job", "P9: runs of one job do not overlap", edits{{"Locker.AcquireAlone", "first, err := l.acquire(ctx, j)", "j.key += r.key; first, err := l.acquire(ctx, j)"}}, suite, sim),
}
