package main

// leaseMutants are of what a holder and a challenger believe, and of the arithmetic.
func leaseMutants() []mutant {
	return []mutant{
		{
			name: "repeat-believed", protects: "P4: the answer to a repeated acquire does not open the gate",
			edits: []edit{{acquireGo, "\tif repeat {\n", "\tif false {\n"}},
			tests: []string{unit("TestP4_LostReplyIsAskedAgainAndOpensByARenewal"), sim},
		},
		{
			name: "repeat-counts-from-the-first", protects: "P4: not even counted from the first try",
			edits: []edit{
				{acquireGo, "\tif repeat {\n", "\tif false {\n"},
				{acquireGo, "return l.won(asked, call, r, a, d, sent, unknown)", "_ = sent\n\t\t\t\treturn l.won(asked, call, r, a, d, first, unknown)"},
			},
			tests: []string{unit("TestP4_LostReplyIsAskedAgainAndOpensByARenewal"), sim},
		},
		{
			name: "driver-repeats", protects: "P4: repeats are ours, with the nonce, and visible: the driver makes none",
			edits: []edit{{connectGo, "c.SetRetryWrites(false).SetRetryReads(false)", "c.SetRetryWrites(true).SetRetryReads(false)"}},
			tests: []string{unit("TestP4_RepeatsAreOursAndVisible")},
		},
		{
			name: "no-giving-up", protects: "P4: who gives an acquisition up sends a release",
			edits: []edit{{acquireGo, "\t\tif unknown {\n\t\t\tl.giveUp(call, r, a.nonce, []int64{a.mark}, sent)\n\t\t}\n", ""}},
			tests: []string{unit("TestP4_EveryReplyLostIsGivenUpWithARelease")},
		},
		{
			name: "write-concern-error-believed", protects: "P4: a write concern error is unknown, though a document comes with it",
			edits: []edit{{lockerGo, "\tif err != nil {\n\t\treturn nil, err\n\t}\n\td := decode(raw)\n", `	if err != nil {
		var we mongo.WriteException
		var ce mongo.CommandError
		for _, r := range []bson.Raw{func() bson.Raw { errors.As(err, &we); return we.Raw }(), func() bson.Raw { errors.As(err, &ce); return ce.Raw }()} {
			if d, ok := r.Lookup("value").DocumentOK(); ok {
				return decode(d), nil
			}
		}
		return nil, err
	}
	d := decode(raw)
`}},
			tests: []string{unit("TestP4_WriteConcernErrorIsUnknown")},
		},
		{
			name: "calls-without-deadline", protects: "P4: every call has its own short deadline",
			edits: []edit{{connectionGo, "ctx, cancel := context.WithTimeout(ctx, within)\n\tdefer cancel()\n\treturn marked(k.ask(ctx, f))", "_ = within\n\treturn marked(k.ask(ctx, f))"}},
			tests: []string{unit("TestP5_LostAtTheDeadlineWhileCallsHang")},
		},
		{
			name: "unknown-renewal-counts", protects: "P5: a renewal that was not acknowledged extends nothing",
			edits: []edit{{leaseGo, "\tcase err != nil:\n\t\terr = fmt.Errorf(\"renewing", "\tcase err != nil:\n\t\ts.acknowledged(sent)\n\t\terr = fmt.Errorf(\"renewing"}},
			tests: []string{unit("TestP5_LostAtTheDeadlineWhileCallsHang"), sim},
		},
		{
			name: "deadline-from-the-answer", protects: "P5: a lease counts from before its request was sent",
			edits: []edit{{leaseGo, "if !s.acknowledged(sent) {", "if !s.acknowledged(clock.Now()) {"}},
			tests: []string{unit("TestP5_DeadlineCountsFromTheSending"), longSim},
		},
		{
			name: "late-answer-reopens", protects: "P5: a lease whose deadline has passed is never held again",
			edits: []edit{{leaseGo, "if s.counts && s.locker.opts.Clock.Now() >= s.deadline {", "if false {"}},
			tests: []string{unit("TestP5_LateAnswerDoesNotReopen")},
		},
		{
			name: "no-watchdog", protects: "P5: the deadline ends the lease although calls hang",
			edits: []edit{{leaseGo, "\ts.loops.Go(s.watchdog)\n", ""}},
			tests: []string{unit("TestP5_LostAtTheDeadlineWhileCallsHang")},
		},
		{
			name: "lost-is-unknown", protects: "P5: no document means lost",
			edits: []edit{{leaseGo, "\tcase d == nil:\n\t\treturn &LostError{Key: s.key, Reason: LostTaken}", "\tcase d == nil:\n\t\treturn ErrUnknown"}},
			tests: []string{suite},
		},
		{
			name: "revoked-is-ignored", protects: "P11: a revoked holder learns of it at its next renewal",
			edits: []edit{{leftGo, "case d.Revoked:", "case false:"}},
			tests: []string{suite},
		},
		{
			name: "renewal-of-what-has-expired", protects: "P5: a renewal does not ask whether the lease has expired",
			edits: []edit{{encodeGo, `{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}`, `{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}, {Key: "$expr", Value: op("$gt", "$expire", "$$NOW")}}`}},
			tests: []string{suite},
		},
		{
			name: "renewal-of-another", protects: "P5: only the nonce renews",
			edits: []edit{{encodeGo, `{Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}`, `{Key: "state", Value: stateHeld}}`}},
			tests: []string{suite},
		},
		{
			name: "release-of-another", protects: "P6: only the nonce releases",
			edits: []edit{
				{finishGo, `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}, {Key: "mark", Value: bson.D{{Key: "$in", Value: e.known}}}, {Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}}},`, `bson.D{{Key: "state", Value: stateHeld}},`},
				{pipelineGo, `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`, `mine := op("$eq", "$state", stateHeld)`},
			},
			tests: []string{suite, sim},
		},
		{
			name: "repeated-release-writes-nothing", protects: "P6: the acknowledgement of a repeated release is a majority's",
			edits: []edit{{finishGo, "return s.endings\n", "return 1\n"}},
			tests: []string{unit("TestP6_EveryReleaseIsAWrite")},
		},
		{
			name: "no-kill-budget", protects: "P12: the kill budget is kept back from the lease",
			edits: []edit{{timingGo, "return sent + t.TTL - t.KillBudget - t.Drift()", "return sent + t.TTL - t.Drift()"}},
			tests: []string{unit("TestP12_DefaultsFollowFromTheTTL")},
		},
		{
			name: "no-drift", protects: "P12: the drift margin is kept back from the lease",
			edits: []edit{{timingGo, "return sent + t.TTL - t.KillBudget - t.Drift()", "return sent + t.TTL - t.KillBudget"}},
			tests: []string{unit("TestP12_DefaultsFollowFromTheTTL")},
		},
		{
			name: "no-arithmetic", protects: "P12: timing that one failed renewal would break is refused",
			edits: []edit{{timingGo, "need > have {", "false {\n\t\t_, _ = need, have"}},
			tests: []string{unit("TestP12_ArithmeticIsRefusedWithItsSum")},
		},
	}
}

// runMutants are of done records, skipping, and runs that must not overlap.
func runMutants() []mutant {
	return []mutant{
		{
			name: "skip-without-proof", protects: "P9: a run is skipped only where its holder was seen to be alive",
			edits: []edit{{acquireGo, "if r.skip && held.Moving && (", "if r.skip && ("}},
			tests: []string{suite},
		},
		{
			name: "skip-for-a-new-holder", protects: "P9: another nonce is no movement of the one that was seen",
			edits: []edit{{watchGo, "e.moved = same && seen.beat > e.top", "e.moved = seen.beat > e.top"}},
			tests: []string{unit("TestP9_MovedIsProofOfLife")},
		},
		{
			name: "skip-for-an-old-movement", protects: "P9: a movement proves life only if it was seen within the holder's silence",
			edits: []edit{{watchGo, " && since <= d.silence()", ""}, {watchGo, "since := now - e.looked", "_ = now - e.looked"}},
			tests: []string{unit("TestP9_MovedIsProofOfLife")},
		},
		{
			name: "skip-for-the-same-job", protects: "P9: a holder of the same Job is waited for",
			edits: []edit{{acquireGo, `(d.Holder.JobUID == "" || d.Holder.JobUID != l.opts.Holder.JobUID)`, `true`}},
			tests: []string{suite},
		},
		{
			name: "done-on-an-old-primary", protects: "P9: a done record that no majority has is no proof",
			edits: []edit{
				{acquireGo, "if lease == nil && err == nil && d.State == stateDone {", "if false {"},
				{acquireGo, "\tif d.State == stateDone {\n\t\tif d, err", "\tif false {\n\t\tif d, err"},
			},
			tests: []string{unit("TestP9_DoneOnAnOldPrimaryIsNoProof")},
		},
		{
			name: "pair-later-deadline", protects: "P9: a pair is held until the earlier deadline",
			edits: []edit{{aloneGo, "return min(p.Run.Deadline(), p.Job.Deadline())", "return max(p.Run.Deadline(), p.Job.Deadline())"}},
			tests: []string{suite},
		},
		{
			name: "pair-one-loss", protects: "P9: the loss of either key is a loss",
			edits: []edit{{aloneGo, "\t\tcase <-p.Job.Done():\n\t\t\tp.end(p.Job.Err())\n\t\t\treturn\n", ""}},
			tests: []string{suite},
		},
		{
			name: "pair-one-held", protects: "P9: a pair is held while both are",
			edits: []edit{{aloneGo, "return p.Run.Held() && p.Job.Held()", "return p.Run.Held()"}},
			tests: []string{suite},
		},
		{
			name: "pair-finishes-job-first", protects: "P9: the record is written before the job's key is released",
			edits: []edit{{aloneGo, "return errors.Join(p.Run.Finish(ctx, outcome), p.Job.Finish(ctx, gate.Release))", "return errors.Join(p.Job.Finish(ctx, gate.Release), p.Run.Finish(ctx, outcome))"}},
			tests: []string{unit("TestP9_RecordIsWrittenBeforeTheJobIsFree")},
		},
		{
			name: "pair-without-job", protects: "P9: runs of one job do not overlap",
			edits: []edit{{aloneGo, "first, err := l.acquire(ctx, j)", "j.key += r.key\n\tfirst, err := l.acquire(ctx, j)"}},
			tests: []string{suite, sim},
		},
	}
}
