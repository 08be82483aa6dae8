package main

const (
	collectionGo  = "pkg/mongolock/collection.go"
	tokenFenceGo  = "pkg/mongolock/fence.go"
	handOutGo     = "pkg/mongolock/handout.go"
	leftGo        = "pkg/mongolock/left.go"
	marksGo       = "pkg/mongolock/marks.go"
	shapeGo       = "pkg/mongolock/shape.go"
	statedirLease = "internal/statedir/lease.go"
	statedirNonce = "internal/statedir/nonce.go"
	holderLockGo  = "internal/holder/lock.go"
	copiedDir     = "./internal/statedir -run=^TestCopyIsAnotherPlace$"
)

// twinMutants are of leases with a twin, leases that are over, and documents that are not as they should be.
func twinMutants() []mutant {
	return []mutant{
		{
			name: "twin-unseen", protects: "P5: a mark that this process has not sent is a twin's",
			edits: []edit{{leftGo, "case d.twin || d.beat == n || d.beat > largest || !known:", "case d.beat > largest:"}, {leftGo, "largest, known := s.beat, s.marks.knows(d.mark)", "largest := s.beat"}},
			tests: []string{unit("TestP5_TwinsBothLose")},
		},
		{
			name: "twin-ahead-unseen", protects: "P5: a number larger than any that was sent is a twin's",
			edits: []edit{{leftGo, "case d.twin || d.beat == n || d.beat > largest || !known:", "case d.twin || !known:"}, {leftGo, "largest, known := s.beat, s.marks", "known := s.marks"}},
			tests: []string{unit("TestP5_DocumentNotAsItWasLeft"), suite},
		},
		{
			name: "twins-draw-alike", protects: "P5: a mark is drawn anew for each renewal",
			edits: []edit{{marksGo, "func newMark() int64 {\n", "func newMark() int64 {\n\tif true {\n\t\treturn 1\n\t}\n"}},
			tests: []string{unit("TestP5_TwinDoesNotRelease")},
		},
		{
			name: "twin-gives-back", protects: "P5: evidence of one twin says nothing of the other: nothing is given back",
			edits: []edit{{finishGo, "if lost := s.twin(); lost != nil {\n\t\treturn lost", "if lost := s.twin(); lost != nil {\n\t\t_ = lost"}},
			tests: []string{unit("TestP5_TwinThatCannotSaySo")},
		},
		{
			name: "twin-ends-unmet", protects: "P5: whoever has not met its twin ends only a document with a mark of its own",
			edits: []edit{{finishGo, `{Key: "state", Value: stateHeld}, {Key: "mark", Value: bson.D{{Key: "$in", Value: e.known}}}, {Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}}},`, `{Key: "state", Value: stateHeld}},`}},
			tests: []string{unit("TestP5_TwinDoesNotRelease"), suite},
		},
		{
			name: "twin-adopted", protects: "P5: a nonce that two processes have is not adopted",
			edits: []edit{{pipelineGo, `op("$or", op("$lt", beat, "$beat"), op("$in", "$mark", known)),`, `op("$eq", 1, 1),`}, {leftGo, `{Key: "twin", Value: true}`, `{Key: "touched", Value: "$$NOW"}`}},
			tests: []string{unit("TestP5_TwinsBothLose"), suite},
		},
		{
			name: "twin-of-a-pair", protects: "P9: what is one key's twin is the other key's twin",
			edits: []edit{{aloneGo, "if twin := errors.Join(p.Run.twin(), p.Job.twin()); twin != nil {", "if twin := errors.Join(p.Run.twin(), p.Job.twin()); false {"}},
			tests: []string{unit("TestP9_TwinOfAPair")},
		},
		{
			name: "own-late-renewal-is-a-twin", protects: "P5: what an answer shows that comes late is no twin's",
			edits: []edit{{marksGo, "return s.overwritten != 0 && s.overwritten < oldest", "return s.overwritten != 0"}},
			tests: []string{unit("TestP5_OwnLateRenewalsAreNoTwin")},
		},
		{
			name: "changed-is-renewed", protects: "P5: a document that is not as the lease left it is a loss",
			edits: []edit{{leftGo, `if what := s.changed(d); what != "" {`, "if what := s.changed(d); false {"}},
			tests: []string{unit("TestP5_DocumentNotAsItWasLeft"), suite},
		},
		{
			name: "gone-back-is-renewed", protects: "P5: a store that has forgotten what it acknowledged is a loss",
			edits: []edit{{leftGo, "if d.beat < floor {", "if false {"}},
			tests: []string{unit("TestP5_RestoredStoreIsALoss")},
		},
		{
			name: "dead-lease-handed-out", protects: "P5: a lease that is over is never handed out",
			edits: []edit{{handOutGo, "\tif s.Held() {\n", "\tif true {\n"}},
			tests: []string{unit("TestP5_LeaseThatIsOverIsNeverHandedOut")},
		},
		{
			name: "dead-lease-kept", protects: "P5: a lease that is over is given back",
			edits: []edit{{handOutGo, "\tl.takeBack(ctx, s)\n", ""}},
			tests: []string{unit("TestP5_LeaseThatIsOverIsNeverHandedOut")},
		},
		{
			name: "dead-pair-handed-out", protects: "P5: nor are two keys of which one is over",
			edits: []edit{{handOutGo, "\tif p.Held() {\n", "\tif true {\n"}},
			tests: []string{unit("TestP9_PairIsLookedAtOnceMore")},
		},
		{
			name: "dead-lease-from-the-disk", protects: "P5: a lease that is over once its nonce is on the disk is not handed out",
			edits: []edit{{holderLockGo, "\tif got.Held() {\n", "\tif true {\n"}},
			tests: []string{"./internal/holder -run=^TestLeaseThatIsOverWhenItsNonceIsKept$"},
		},
		{
			name: "dead-lease-ends-the-waiting", protects: "a gate goes on waiting where its lease was over before it had it",
			edits: []edit{{holderLockGo, "if l.Once || !errors.Is(err, mongolock.ErrLost)", "if true || !errors.Is(err, mongolock.ErrLost)"}},
			tests: []string{"./internal/holder -run=^TestLeaseThatIsOverIsNeverHandedOut$"},
		},
		{
			name: "wrong-type-is-taken", protects: "P2: a field of another type is no value, and nobody takes the key",
			edits: []edit{{pipelineGo, "\t\tsane(),\n", ""}},
			tests: []string{acquisitions},
		},
		{
			name: "unlocked-is-free", protects: "P2: locked false is not free while a nonce holds the key",
			edits: []edit{{pipelineGo, "\t\top(\"$eq\", op(\"$ifNull\", \"$state\", stateFree), stateFree),\n\t\top(\"$or\", op(\"$eq\", \"$state\", stateFree), op(\"$eq\", op(\"$type\", \"$nonce\"), \"missing\")))}}", "\t)}}"}},
			tests: []string{acquisitions},
		},
		{
			name: "largest-token-wraps", protects: "P7: where no larger token is left, nobody takes the key",
			edits: []edit{{shapeGo, "\t\top(\"$lt\", op(\"$ifNull\", \"$token\", int64(0)), int64(maxToken)),\n", ""}},
			tests: []string{acquisitions},
		},
		{
			name: "another-keys-document", protects: "P2: an answer with another _id than was asked for is refused",
			edits: []edit{{lockerGo, "\tif d.id != key {\n", "\tif false {\n"}},
			tests: []string{unit("TestKeysThatACollationTakesForOne")},
		},
		{
			name: "unique-by-the-way", protects: "P2: an index that removes what is finished and is unique is refused",
			edits: []edit{{collectionGo, "\t\tcase purge:\n", "\t\tcase purge:\n\t\t\treturn true\n"}},
			tests: []string{unit("TestUnsuitableIndexes")},
		},
		{
			name: "capped-collection", protects: "P2: a collection that evicts documents is refused",
			edits: []edit{{collectionGo, "\tif o.Capped {\n", "\tif false {\n"}},
			tests: []string{unit("TestUnsuitableCollections")},
		},
		{
			name: "capped-unlisted", protects: "P2: a collection that evicts documents is found without the right to list it",
			edits: []edit{{collectionGo, "\tcase open:\n", "\tcase open && false:\n"}},
			tests: []string{unit("TestUnsuitableIsSeenByReading")},
		},
		{
			name: "collation-listed", protects: "P2: a collection that takes different keys for one is refused",
			edits: []edit{{collectionGo, `len(o.Collation) > 0 && locale != "simple"`, `len(o.Collation) > 0 && locale == "?"`}},
			tests: []string{unit("TestUnsuitableCollections")},
		},
		{
			name: "collation-unlisted", protects: "P2: a collection that takes different keys for one is found without the right to list it",
			edits: []edit{{collectionGo, "err == nil && id != other {", "err == nil && id != other && false {"}},
			tests: []string{unit("TestUnsuitableIsSeenByReading")},
		},
		{
			name: "ttl-of-another-field", protects: "P2: an index that deletes what is held is refused",
			edits: []edit{{collectionGo, "case sparesHeld(d.Partial):", "case true || sparesHeld(d.Partial):"}},
			tests: []string{unit("TestUnsuitableIndexes")},
		},
		{
			name: "unsuitable-is-used", protects: "P2: a gate takes no lock in a collection that is refused",
			edits: []edit{{holderLockGo, "if errors.Is(err, mongolock.ErrCollection) {", "if false {"}},
			tests: []string{"./internal/holder -run=^TestUnsuitableCollectionIsNotUsed$"},
		},
		{
			name: "unique-index", protects: "P2: a unique index beside that of _id is refused",
			edits: []edit{{collectionGo, `if (d.Unique || d.Prepare) && (!only || d.Key[0].Key != "_id") {`, "if false {"}},
			tests: []string{unit("TestUnsuitableIndexes")},
		},
		{
			name: "fence-of-any-type", protects: "P7: a fence field of another type lets no token through",
			edits: []edit{{tokenFenceGo, `bson.D{{Key: f.field, Value: bson.D{{Key: "$lte", Value: f.token}}}},`, `bson.D{{Key: f.field, Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gt", Value: f.token}}}}}},`}},
			tests: []string{unit("TestFenceLetsNoLateWriteThrough")},
		},
		{
			name: "fence-upsert-anywhere", protects: "P7: an upsert without an _id inserts no second document",
			edits: []edit{{tokenFenceGo, "\tif !givesID(d) {\n", "\tif false {\n"}},
			tests: []string{unit("TestFenceRefusesWhatItCannotProtect")},
		},
		{
			name: "fence-loses-the-callers-max", protects: "P7: the caller's own $max is written too",
			edits: []edit{{tokenFenceGo, "\t\t\thighest = append(highest, arg...)\n", ""}},
			tests: []string{unit("TestFenceMerges")},
		},
		{
			name: "fence-written-by-the-caller", protects: "P7: an update that writes the field itself is refused",
			edits: []edit{{tokenFenceGo, "if overlaps(a.Key, f.field) || ", "if false && to == \"\" || "}},
			tests: []string{unit("TestFenceRefusesWhatItCannotProtect")},
		},
		{
			name: "copy-adopts", protects: "P8: a copy of a state directory adopts nothing",
			edits: []edit{{statedirNonce, "if err != nil || n.Place != here {", "if err != nil || n.Place != here && false {"}},
			tests: []string{copiedDir, "./internal/holder -run=^TestCopiedDirectoryDoesNotAdopt$"},
		},
		{
			name: "copy-is-followed", protects: "P8: a copy of a state directory opens nothing",
			edits: []edit{{statedirLease, "if l.Place != here {", "if l.Place != here && false {"}},
			tests: []string{copiedDir},
		},
	}
}

// plantedMutants are bugs that were planted from outside and that no test found.
func plantedMutants() []mutant {
	return []mutant{
		{
			name: "refusal-after-unknown-leaves-a-ghost", protects: "P4: a refusal does not undo what an earlier call of the same acquisition may have done",
			edits: []edit{{acquireGo, "if refused(err) && !unknown {", "if refused(err) {"}},
			tests: []string{unit("TestP4_RefusalAfterAnUnknownCall")},
		},
		{
			name: "pair-deaf-to-the-job", protects: "P9: a pair tells of the renewals of either lease",
			edits: []edit{{aloneGo, "\t\tcase <-p.Job.Renewed():\n", ""}},
			tests: []string{unit("TestP9_PairTellsOfTheJobsRenewals")},
		},
		{
			name: "skip-without-the-job", protects: "P9: a holder of the same Job is waited for",
			edits: []edit{{acquireGo, `held.Moving && (d.Holder.JobUID == "" || d.Holder.JobUID != l.opts.Holder.JobUID)`, "held.Moving"}},
			tests: []string{unit("TestP9_SkipAsksForTheJob")},
		},
		{
			name: "skip-only-of-a-job", protects: "P9: where neither is of a Job, one that moves lets a run be skipped",
			edits: []edit{{acquireGo, `d.Holder.JobUID == "" || d.Holder.JobUID != l.opts`, `d.Holder.JobUID != l.opts`}},
			tests: []string{unit("TestP9_SkipAsksForTheJob")},
		},
		{
			name: "highest-beat-of-another-nonce", protects: "P9: another nonce begins at its own beat",
			edits: []edit{{watchGo, "\t\tif !same {\n\t\t\te.top = seen.beat\n\t\t}\n", ""}},
			tests: []string{unit("TestP9_AnotherNonceBeginsAtItsOwnBeat")},
		},
		{
			name: "token-of-the-last-nonce-only", protects: "P7: the highest token that was seen is kept whoever held the key",
			edits: []edit{{watchGo, "e.token = max(e.token, d.Token)", "e.token = d.Token"}},
			tests: []string{unit("TestP7_TokenSeenOfAnotherNonce")},
		},
		{
			name: "ending-of-what-is-not-held", protects: "P6: only what is held is ended",
			edits: []edit{
				{finishGo, `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}, {Key: "mark"`, `bson.D{{Key: "nonce", Value: e.nonce}, {Key: "mark"`},
				{pipelineGo, `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`, `mine := op("$eq", "$nonce", literal(e.nonce))`},
			},
			tests: []string{unit("TestP6_OnlyWhatIsHeldIsEnded")},
		},
		{
			name: "ending-whatever-the-state", protects: "P6: only what is held is ended, by the pipeline",
			edits:      []edit{{pipelineGo, `mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))`, `mine := op("$eq", "$nonce", literal(e.nonce))`}},
			tests:      []string{unit("TestP6_OnlyWhatIsHeldIsEnded")},
			equivalent: "the filter asks for the same, and the only other documents that it matches have the nonce as their last: one that had it as its nonce too would be held by an acquisition whose request is refused for that (late-acquire-of-a-finished-nonce)",
		},
	}
}
