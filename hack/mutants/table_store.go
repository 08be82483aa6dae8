package main

// The commands that kill.
const (
	suite = "./test/sim -run=^TestConformance$"
	// acquisitions gives both pipelines thousands of documents, without a client that judges first.
	acquisitions = "./pkg/mongolock -run=^TestPlainTakesLessThanThePipeline$"
	// native holds each change in Go against its pipeline.
	native  = "./pkg/mongolock -run=^TestStepsInGoAreThePipelines$"
	sim     = "./test/sim -run=^TestHistories$ -sim.histories=150"
	longSim = "./test/sim -run=^TestHistories$ -sim.histories=600"
)

// unit is one test of the lock.
func unit(test string) string { return "-timeout=40s ./pkg/mongolock -run=^" + test + "$" }

// storeMutants are of what is asked of the store: concerns, conditions of acquisitions, stealing.
var storeMutants = []mutant{
	take("any-write-concern", "P1: every write is acknowledged by a majority, whatever the collection handed in says",
		edits{{"decisive", "SetWriteConcern(wc).", ""}}, unit("TestP1_EveryCallAsksForAMajority")),
	take("write-concern-1", "P1: the majority, not one member",
		edits{{"decisive", "wc := writeconcern.Majority()", "wc := writeconcern.W1()"}}, unit("TestP6_ReleaseOnAnOldPrimaryIsNotBelieved"), sim),
	take("no-journal", "P1: what is acknowledged is in the journal", edits{{"decisive", "journal := true", "journal := false"}}, unit("TestP1_EveryCallAsksForAMajority")),
	take("local-reads", "P1: reads show what a majority has", edits{{"decisive", "readconcern.Majority()", "readconcern.Local()"}}, unit("TestP9_DoneOnAnOldPrimaryIsNoProof")),
	take("secondary-reads", "P1: nothing is decided by a secondary", edits{{"decisive", "readpref.Primary()", "readpref.SecondaryPreferred()"}}, unit("TestP1_DecisionsReadThePrimary")),
	take("uri-with-w1", "P1: a URI with another write concern is refused", edits{{"checkURI", "if cs.WNumberSet {", "if false {"}}, suite),
	take("later-format", "P2: a document of a later version is left alone", edits{{"attempt.pipeline", `op("$eq", op("$ifNull", "$v", Format), Format)`, `op("$eq", 1, 1)`}}, acquisitions),
	take("python-without-grace", "P3: a Python holder has the grace too",
		edits{{"attempt.way", `op("$add", op("$toLong", "$expire"), a.timing.Grace.Milliseconds())`, `op("$add", op("$toLong", "$expire"), int64(0))`}}, suite),
	take("python-null-expires", "P2: expire: null never expires, though null < date in a pipeline", edits{{"attempt.way", `op("$eq", op("$type", "$expire"), "date"),`, ""}}, suite),
	take("steal-by-server-clock", "P3: no wall clock decides about a holder of ours",
		edits{{"attempt.way", `op("$eq", op("$type", "$nonce"), "missing"), op("$eq", op("$type", "$state"), "missing"),`, ""}}, unit("TestP3_FailOverToAClockThatIsAhead"), suite, sim),
	take("steal-blind", "P3: the server takes the key only if nonce and beat are still those that were watched",
		edits{{"attempt.way", `op("$eq", "$nonce", literal(a.watched.nonce)), op("$eq", "$beat", a.watched.beat),`, `op("$eq", 1, 1),`}}, sim),
	take("steal-without-beat", "P3: the beat must still be the one that was watched",
		edits{{"attempt.way", `op("$eq", "$beat", a.watched.beat),`, ""}}, unit("TestP3_WatchThatNobodyFedTakesNothing")),
	take("watch-too-short", "P3: a holder must stand still for its ttl + grace (here: one and a half heartbeats)",
		edits{{"document.silence", "return d.ttl + d.grace", "return d.ttl / 2"}}, unit("TestP3_WatchTakesTheOwnersNumbers"), sim),
	take("watch-without-grace", "P3: challengers wait for the grace", edits{{"document.silence", "return d.ttl + d.grace", "return d.ttl"}}, unit("TestP3_WatchCountsFromTheReply")),
	take("watch-from-sending", "P3: the watch counts from when the reply arrived", edits{
		{"watches.saw", "saw(key string, d *document) { now := w.clock.Now()", "saw(key string, d *document, at ...time.Duration) { now := w.clock.Now(); if len(at) > 0 { now = at[0] }"},
		{"Locker.look", "d, err := l.read(ctx, key)", "sent := l.opts.Clock.Now(); d, err := l.read(ctx, key)"},
		{"Locker.look", "l.watch.saw(key, d)", "l.watch.saw(key, d, sent)"},
	}, unit("TestP3_WatchCountsFromTheReply")),
	take("watch-nonce-only", "P3: a renewal restarts the watch",
		edits{{"watches.saw", "if e.beat != seen {", "if e.beat.nonce != seen.nonce {"}, {"attempt.way", `op("$eq", "$beat", a.watched.beat),`, ""}}, unit("TestP3_WatchBeginsAnew"), sim),
	take("watch-without-numbers", "P3: a document without ttl, grace or beat is never taken over",
		edits{{"watches.ripe", `e.beat.nonce == "" || e.silence <= 0`, `e.beat.nonce == ""`}}, unit("TestP3_WatchTakesTheOwnersNumbers")),
	take("watch-forgets", "P3: the watch is kept per key in the process, so that tries add up", edits{{"watches.saw", "if e == nil {", "e = nil; if e == nil {"}}, suite),
	take("watch-keeps-everything", "P3: keys that nobody looks at are forgotten, or a process with a key per run would grow forever",
		edits{{"watches.drop", "delete(w.keys, e.key)", "_ = e.key"}}, unit("TestWatchForgets")),
	take("steal-any-type-of-beat", "P3: a beat that is no integer is never taken over", edits{{"attempt.way", `, op("$in", op("$type", "$beat"), bson.A{"int", "long"}))})`, ")})"}}, suite).unseen(
		"the challenger never watches such a document (its silence is zero), so that no request names its beat; the server's check stands behind that"),
	take("beat-plus-one", "P5: a beat is the number of the request and never born twice", edits{{"renewal.pipeline", `op("$max", "$beat", r.beat)`, `op("$add", "$beat", int64(1))`}}, unit("TestP5_OwnLateRenewalsAreNoTwin"), native),
	take("beat-set", "P5: a renewal that arrives late does not move the beat back", edits{{"renewal.pipeline", `op("$max", "$beat", r.beat)`, "r.beat"}}, unit("TestP5_OwnLateRenewalsAreNoTwin")),
	take("late-acquire-of-a-finished-nonce", "P6: an acquisition that arrives after its own release takes nothing",
		edits{{"attempt.plain", `op("$ne", "$lastNonce", literal(a.nonce))`, `op("$eq", 1, 1)`}}, unit("TestP6_AcquireThatArrivesAfterItsRelease"), acquisitions),
	take("late-acquire-by-another-right", "P6: the same of an acquisition by any right",
		edits{{"attempt.pipeline", `op("$ne", op("$ifNull", "$lastNonce", ""), literal(a.nonce))`, `op("$eq", 1, 1)`}}, acquisitions),
	take("plain-takes-any-list", "P2: what is plainly free has the shape that a release leaves", edits{{"attempt.plain", "released,", `op("$or", released, true),`}}, suite, acquisitions),
	take("plain-whatever-the-token", "P7: a token of another type is not counted from",
		edits{{"attempt.plain", `op("$type", "$token"), op("$type", "$lastNonce")`, `"long", op("$type", "$lastNonce")`}}, acquisitions),
	take("plain-asks-once", "P2: what others have written is taken by the second command",
		edits{{"Locker.send", "case err == nil && plain && l.mayWin(r, d):", "case false:"}}, unit("TestPlainTakesWhatWeLeave"), suite),
	take("token-forgets-old", "P7: the token grows although the server's clock steps back", edits{{"attempt.next", `op("$add", token, int64(1)),`, ""}}, suite, sim),
	take("token-forgets-seen", "P7: the token grows although the document was deleted",
		edits{{"attempt.next", "a.seen+1)", "int64(0))"}}, unit("TestP7_TokenOutlivesADeletionAndAClockThatStepsBack")),
	take("adopt-anyone", "P8: only the nonce adopts", edits{{"attempt.way", `op("$in", op("$ifNull", "$nonce", ""), literal(a.adopt)),`, ""}}, suite, sim),
	take("adopt-revoked", "P8: what an operator revoked is not adopted", edits{{"attempt.way", `op("$ne", op("$ifNull", "$revoked", ""), "$nonce"),`, ""}}, suite),
	take("done-is-free", "P9: a done record is not taken", edits{{"attempt.way", `op("$eq", op("$ifNull", "$state", ""), stateDone), again, way)`, `op("$eq", 1, 2), again, way)`}}, suite),
	take("acquire-keeps-purge", "P9: whoever acquires an abandoned or finished key unmarks it",
		edits{{"attempt.taken", `{Key: "lastNonce"`, `{Key: "purgeAt", Value: op("$ifNull", "$purgeAt", "$$REMOVE")}, {Key: "lastNonce"`}}, suite),
	take("renew-keeps-purge", "P9: a holder that lives again is not purged", edits{{"renewal.pipeline", `, op("$unset", "purgeAt")`, ""}}, suite),
	take("revoke-frees", "P11: a revoked holder keeps the key until it has stopped",
		edits{{"revoking.change", `op("$ifNull", "$revoked", "$$REMOVE"))}`, `op("$ifNull", "$revoked", "$$REMOVE"))}, {Key: "locked", Value: false}, {Key: "state", Value: stateFree}`}}, suite, sim),
	take("native-takes-the-finished", "P6: a step in Go is its pipeline: a nonce that has finished takes nothing again",
		edits{{"attempt.apply", ` || text(doc, "lastNonce") == a.nonce`, ""}}, native),
	take("native-grace-overflows", "P3: a step in Go is its pipeline: an end that no grace can be added to is not over",
		edits{{"attempt.right", "expire < now.UnixMilli()-a.timing.Grace.Milliseconds()", "expire+a.timing.Grace.Milliseconds() < now.UnixMilli()"}}, native),
	take("plain-takes-a-symbol", "P2: what has another type is no value: a state that is a symbol is not free", edits{
		{"attempt.plain", `op("$type", "$state"), `, ""},
		{"attempt.plain", `"bool", "string", "int"`, `"bool", "int"`},
	}, acquisitions),
	take("native-adopts-a-twin", "P5: a step in Go is its pipeline: a nonce that two processes have is not adopted", edits{{"attempt.right", ` && !isTrue(doc.Lookup("twin"))`, ""}}, native),
	take("native-renews-a-twin", "P5: a step in Go is its pipeline: a mark that is not known says that there is a twin", edits{{"renewal.apply", "case !known &&", "case false && !known &&"}}, native),
	take("native-ends-a-twins", "P6: a step in Go is its pipeline: what a twin has renewed is not ended", edits{{"ending.applies", `!matches(doc.Lookup("twin"), isTrue) &&`, ""}}, native),
}
