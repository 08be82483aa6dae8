package main

const copiedDir = "./internal/statedir -run=^TestCopyIsAnotherPlace$"

// twinMutants are of leases with a twin, leases that are over, and documents that are not as they should be.
var twinMutants = []mutant{
	take("twin-unseen", "P5: a mark that this process has not sent is a twin's", edits{
		{"Lease.left", "case d.twin || d.beat == n || d.beat > largest || !known:", "case d.beat > largest:"},
		{"Lease.left", "largest, known := s.beat, s.marks.knows(d.mark)", "largest := s.beat"},
	}, unit("TestP5_TwinsBothLose")),
	take("twin-ahead-unseen", "P5: a number larger than any that was sent is a twin's", edits{
		{"Lease.left", "case d.twin || d.beat == n || d.beat > largest || !known:", "case d.twin || !known:"},
		{"Lease.left", "largest, known := s.beat, s.marks", "known := s.marks"},
	}, unit("TestP5_DocumentNotAsItWasLeft"), suite),
	take("twins-draw-alike", "P5: a mark is drawn anew for each renewal",
		edits{{"newMark", "var b [8]byte", "if true { return 1 }; var b [8]byte"}}, unit("TestP5_TwinDoesNotRelease")),
	take("twin-gives-back", "P5: evidence of one twin says nothing of the other: nothing is given back", edits{{"Lease.Finish", "return lost", "_ = lost"}}, unit("TestP5_TwinThatCannotSaySo")),
	take("twin-ends-unmet", "P5: whoever has not met its twin ends only a document with a mark of its own",
		edits{{
			"ending.filter", `{Key: "state", Value: stateHeld}, {Key: "mark", Value: bson.D{{Key: "$in", Value: e.known}}}, {Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}}},`,
			`{Key: "state", Value: stateHeld}},`,
		}}, unit("TestP5_TwinDoesNotRelease"), suite),
	take("twin-adopted", "P5: a nonce that two processes have is not adopted", edits{
		{"renewal", `op("$or", op("$lt", beat, "$beat"), op("$in", "$mark", known)),`, `op("$eq", 1, 1),`},
		{"Lease.disown", `{Key: "twin", Value: true}`, `{Key: "touched", Value: "$$NOW"}`},
	}, unit("TestP5_TwinsBothLose"), suite),
	take("twin-of-a-pair", "P9: what is one key's twin is the other key's twin",
		edits{{"Pair.Finish", "if twin := errors.Join(p.Run.twin(), p.Job.twin()); twin != nil {", "if twin := errors.Join(p.Run.twin(), p.Job.twin()); false {"}}, unit("TestP9_TwinOfAPair")),
	take("own-late-renewal-is-a-twin", "P5: what an answer shows that comes late is no twin's",
		edits{{"marks.settle", "return s.overwritten != 0 && s.overwritten < oldest", "return s.overwritten != 0"}}, unit("TestP5_OwnLateRenewalsAreNoTwin")),
	take("changed-is-renewed", "P5: a document that is not as the lease left it is a loss",
		edits{{"Lease.left", `if what := s.changed(d); what != "" {`, "if what := s.changed(d); false {"}}, unit("TestP5_DocumentNotAsItWasLeft"), suite),
	take("gone-back-is-renewed", "P5: a store that has forgotten what it acknowledged is a loss", edits{{"Lease.left", "if d.beat < floor {", "if false {"}}, unit("TestP5_RestoredStoreIsALoss")),
	take("dead-lease-handed-out", "P5: a lease that is over is never handed out", edits{{"Locker.handOut", "if s.Held() {", "if true {"}}, unit("TestP5_LeaseThatIsOverIsNeverHandedOut")),
	take("dead-lease-kept", "P5: a lease that is over is given back", edits{{"Locker.handOut", "l.takeBack(ctx, s)", ""}}, unit("TestP5_LeaseThatIsOverIsNeverHandedOut")),
	take("dead-pair-handed-out", "P5: nor are two keys of which one is over", edits{{"Pair.handOut", "if p.Held() {", "if true {"}}, unit("TestP9_PairIsLookedAtOnceMore")),
	take("dead-lease-from-the-disk", "P5: a lease that is over once its nonce is on the disk is not handed out",
		edits{{"keys.usable", "if got.Held() {", "if true {"}}, "./internal/agent -run=^TestLeaseThatIsOverWhenItsNonceIsKept$"),
	take("dead-lease-ends-the-waiting", "a gate goes on waiting where its lease was over before it had it",
		edits{{"keys.acquire", "if !k.once && errors.Is(err, mongolock.ErrLost)", "if false && errors.Is(err, mongolock.ErrLost)"}}, "./internal/agent -run=^TestLeaseThatIsOverIsNeverHandedOut$"),
	take("wrong-type-is-taken", "P2: a field of another type is no value, and nobody takes the key", edits{{"attempt.pipeline", "sane(),", ""}}, acquisitions),
	take("unlocked-is-free", "P2: locked false is not free while a nonce holds the key",
		edits{{"attempt.way", `op("$eq", op("$ifNull", "$state", stateFree), stateFree), op("$or", op("$eq", "$state", stateFree), op("$eq", op("$type", "$nonce"), "missing")))}}`, ")}}"}}, acquisitions),
	take("largest-token-wraps", "P7: where no larger token is left, nobody takes the key", edits{{"sane", `op("$lt", op("$ifNull", "$token", int64(0)), int64(maxToken)),`, ""}}, acquisitions),
	take("another-keys-document", "P2: an answer with another _id than was asked for is refused", edits{{"answer", "if d.id != key {", "if false {"}}, unit("TestKeysThatACollationTakesForOne")),
	take("unique-by-the-way", "P2: an index that removes what is finished and is unique is refused", edits{{"judgeIndex", "case purge:", "case purge: return true"}}, unit("TestUnsuitableIndexes")),
	take("capped-collection", "P2: a collection that evicts documents is refused", edits{{"collectionOptions.judge", "if o.Capped {", "if false {"}}, unit("TestUnsuitableCollections")),
	take("capped-unlisted", "P2: a collection that evicts documents is found without the right to list it",
		edits{{"Locker.tryOptions", "case open:", "case open && false:"}}, unit("TestUnsuitableIsSeenByReading")),
	take("collation-listed", "P2: a collection that takes different keys for one is refused",
		edits{{"collectionOptions.judge", `len(o.Collation) > 0 && locale != "simple"`, `len(o.Collation) > 0 && locale == "?"`}}, unit("TestUnsuitableCollections")),
	take("collation-unlisted", "P2: a collection that takes different keys for one is found without the right to list it",
		edits{{"Locker.tryOptions", "err == nil && id != other {", "err == nil && id != other && false {"}}, unit("TestUnsuitableIsSeenByReading")),
	take("ttl-of-another-field", "P2: an index that deletes what is held is refused",
		edits{{"judgeIndex", "case sparesHeld(d.Partial):", "case true || sparesHeld(d.Partial):"}}, unit("TestUnsuitableIndexes")),
	take("unsuitable-is-used", "P2: a gate takes no lock in a collection that is refused",
		edits{{"keys.begin", "if errors.Is(err, mongolock.ErrCollection) {", "if false {"}}, "./internal/agent -run=^TestUnsuitableCollectionIsNotUsed$"),
	take("unique-index", "P2: a unique index beside that of _id is refused",
		edits{{"judgeIndex", `if (d.Unique || d.Prepare) && (!only || d.Key[0].Key != "_id") {`, "if false {"}}, unit("TestUnsuitableIndexes")),
	take("fence-of-any-type", "P7: a fence field of another type lets no token through",
		edits{{
			"Fenced.Filter", `bson.D{{Key: f.field, Value: bson.D{{Key: "$lte", Value: f.token}}}}`,
			`bson.D{{Key: f.field, Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gt", Value: f.token}}}}}}`,
		}}, unit("TestFenceLetsNoLateWriteThrough")),
	take("fence-upsert-anywhere", "P7: an upsert without an _id inserts no second document", edits{{"Fenced.Filter", "if !givesID(d) {", "if false {"}}, unit("TestFenceRefusesWhatItCannotProtect")),
	take("fence-loses-the-callers-max", "P7: the caller's own $max is written too", edits{{"Fenced.operators", "highest = append(highest, arg...)", ""}}, unit("TestFenceMerges")),
	take("fence-written-by-the-caller", "P7: an update that writes the field itself is refused",
		edits{{"Fenced.operators", "if overlaps(a.Key, f.field) ||", `if false && to == "" ||`}}, unit("TestFenceRefusesWhatItCannotProtect")),
	take("copy-adopts", "P8: a copy of a state directory adopts nothing",
		edits{{"Dir.Nonces", "if err != nil || n.Place != here {", "if err != nil || n.Place != here && false {"}}, copiedDir, "./internal/agent -run=^TestCopiedDirectoryDoesNotAdopt$"),
	take("copy-is-followed", "P8: a copy of a state directory opens nothing", edits{{"Dir.Live", "if l.Place != here {", "if l.Place != here && false {"}}, copiedDir),
}

// plantedMutants are bugs that were planted from outside and that no test found.
var plantedMutants = []mutant{
	take("refusal-after-unknown-leaves-a-ghost", "P4: a refusal does not undo what an earlier call of the same acquisition may have done",
		edits{{"Locker.send", "if refused(err) && !unknown {", "if refused(err) {"}}, unit("TestP4_RefusalAfterAnUnknownCall")),
	take("pair-deaf-to-the-job", "P9: a pair tells of the renewals of either lease", edits{{"Pair.follow", "case <-p.Job.Renewed():", ""}}, unit("TestP9_PairTellsOfTheJobsRenewals")),
	take("skip-without-the-job", "P9: a holder of the same Job is waited for",
		edits{{"Locker.judge", `held.Moving && (d.Holder.JobUID == "" || d.Holder.JobUID != l.opts.Holder.JobUID)`, "held.Moving"}}, unit("TestP9_SkipAsksForTheJob")),
	take("skip-only-of-a-job", "P9: where neither is of a Job, one that moves lets a run be skipped",
		edits{{"Locker.judge", `d.Holder.JobUID == "" || d.Holder.JobUID != l.opts`, "d.Holder.JobUID != l.opts"}}, unit("TestP9_SkipAsksForTheJob")),
	take("highest-beat-of-another-nonce", "P9: another nonce begins at its own beat", edits{{"watches.saw", "if !same { e.top = seen.beat }", ""}}, unit("TestP9_AnotherNonceBeginsAtItsOwnBeat")),
	take("token-of-the-last-nonce-only", "P7: the highest token that was seen is kept whoever held the key",
		edits{{"watches.saw", "e.token = max(e.token, d.Token)", "e.token = d.Token"}}, unit("TestP7_TokenSeenOfAnotherNonce")),
	take("ending-of-what-is-not-held", "P6: only what is held is ended", edits{
		{"ending.filter", `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}, {Key: "mark"`, `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "mark"`},
		{"ending.pipeline", `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`, `mine := op("$eq", "$nonce", literal(e.nonce))`},
	}, unit("TestP6_OnlyWhatIsHeldIsEnded")),
	take("ending-whatever-the-state", "P6: only what is held is ended, by the pipeline",
		edits{{
			"ending.pipeline", `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`,
			`mine := op("$eq", "$nonce", literal(e.nonce))`,
		}}, unit("TestP6_OnlyWhatIsHeldIsEnded")).unseen(
		"the filter asks for the same, and the only other documents that it matches have the nonce as their last: one that had it as its nonce too would be held by an acquisition whose request is refused for that (late-acquire-of-a-finished-nonce)"),
}
