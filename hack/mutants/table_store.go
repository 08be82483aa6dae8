package main

// The commands that kill.
const (
	suite = "./test/sim -run=^TestConformance$"
	// acquisitions gives both pipelines thousands of documents, without a client that judges first.
	acquisitions = "./pkg/mongolock -run=^TestPlainTakesLessThanThePipeline$"
	sim          = "./test/sim -run=^TestHistories$ -sim.histories=150"
	longSim      = "./test/sim -run=^TestHistories$ -sim.histories=600"
)

// unit is one test of the lock.
func unit(test string) string { return "-timeout=40s ./pkg/mongolock -run=^" + test + "$" }

const (
	acquireGo    = "pkg/mongolock/acquire.go"
	aloneGo      = "pkg/mongolock/alone.go"
	connectGo    = "pkg/mongolock/connect.go"
	connectionGo = "pkg/mongolock/connection.go"
	hintGo       = "pkg/mongolock/hint.go"
	reconnectGo  = "pkg/mongolock/reconnect.go"
	documentGo   = "pkg/mongolock/document.go"
	inspectGo    = "pkg/mongolock/inspect.go"
	leaseGo      = "pkg/mongolock/lease.go"
	lockerGo     = "pkg/mongolock/locker.go"
	pipelineGo   = "pkg/mongolock/pipeline.go"
	uriGo        = "pkg/mongolock/uri.go"
	timingGo     = "pkg/mongolock/timing.go"
	watchGo      = "pkg/mongolock/watch.go"
)

// storeMutants are of what is asked of the store: concerns, conditions of acquisitions, stealing.
func storeMutants() []mutant {
	return []mutant{
		{
			name: "any-write-concern", protects: "P1: every write is acknowledged by a majority, whatever the collection handed in says",
			edits: []edit{{connectionGo, "\t\tSetWriteConcern(wc).\n", "\t\t"}},
			tests: []string{unit("TestP1_EveryCallAsksForAMajority")},
		},
		{
			name: "write-concern-1", protects: "P1: the majority, not one member",
			edits: []edit{{connectionGo, "wc := writeconcern.Majority()", "wc := writeconcern.W1()"}},
			tests: []string{unit("TestP6_ReleaseOnAnOldPrimaryIsNotBelieved"), sim},
		},
		{
			name: "no-journal", protects: "P1: what is acknowledged is in the journal",
			edits: []edit{{connectionGo, "journal := true", "journal := false"}},
			tests: []string{unit("TestP1_EveryCallAsksForAMajority")},
		},
		{
			name: "local-reads", protects: "P1: reads show what a majority has",
			edits: []edit{{connectionGo, "readconcern.Majority()", "readconcern.Local()"}},
			tests: []string{unit("TestP9_DoneOnAnOldPrimaryIsNoProof")},
		},
		{
			name: "secondary-reads", protects: "P1: nothing is decided by a secondary",
			edits: []edit{{connectionGo, "readpref.Primary()", "readpref.SecondaryPreferred()"}},
			tests: []string{unit("TestP1_DecisionsReadThePrimary")},
		},
		{
			name: "uri-with-w1", protects: "P1: a URI with another write concern is refused",
			edits: []edit{{uriGo, "if cs.WNumberSet {", "if false {"}},
			tests: []string{suite},
		},
		{
			name: "later-format", protects: "P2: a document of a later version is left alone",
			edits: []edit{{pipelineGo, `op("$eq", op("$ifNull", "$v", Format), Format)`, `op("$eq", 1, 1)`}},
			tests: []string{acquisitions},
		},
		{
			name: "python-without-grace", protects: "P3: a Python holder has the grace too",
			edits: []edit{{pipelineGo, `op("$add", op("$toLong", "$expire"), a.timing.Grace.Milliseconds())`, `op("$add", op("$toLong", "$expire"), int64(0))`}},
			tests: []string{suite},
		},
		{
			name: "python-null-expires", protects: "P2: expire: null never expires, though null < date in a pipeline",
			edits: []edit{{pipelineGo, "\t\top(\"$eq\", op(\"$type\", \"$expire\"), \"date\"),\n", ""}},
			tests: []string{suite},
		},
		{
			name: "steal-by-server-clock", protects: "P3: no wall clock decides about a holder of ours",
			edits: []edit{{pipelineGo, "\t\top(\"$eq\", op(\"$type\", \"$nonce\"), \"missing\"),\n\t\top(\"$eq\", op(\"$type\", \"$state\"), \"missing\"),\n", ""}},
			tests: []string{unit("TestP3_FailOverToAClockThatIsAhead"), suite, sim},
		},
		{
			name: "steal-blind", protects: "P3: the server takes the key only if nonce and beat are still those that were watched",
			edits: []edit{{pipelineGo, `op("$eq", "$nonce", literal(a.watched.nonce)),
			op("$eq", "$beat", a.watched.beat),`, `op("$eq", 1, 1),`}},
			tests: []string{sim},
		},
		{
			name: "steal-without-beat", protects: "P3: the beat must still be the one that was watched",
			edits: []edit{{pipelineGo, "\t\t\top(\"$eq\", \"$beat\", a.watched.beat),\n", ""}},
			tests: []string{unit("TestP3_WatchThatNobodyFedTakesNothing")},
		},
		{
			name: "watch-too-short", protects: "P3: a holder must stand still for its ttl + grace (here: one and a half heartbeats)",
			edits: []edit{{documentGo, "return d.ttl + d.grace", "return d.ttl / 2"}},
			tests: []string{unit("TestP3_WatchTakesTheOwnersNumbers"), sim},
		},
		{
			name: "watch-without-grace", protects: "P3: challengers wait for the grace",
			edits: []edit{{documentGo, "return d.ttl + d.grace", "return d.ttl"}},
			tests: []string{unit("TestP3_WatchCountsFromTheReply")},
		},
		{
			name: "watch-from-sending", protects: "P3: the watch counts from when the reply arrived",
			edits: []edit{
				{watchGo, "saw(key string, d *document) {\n\tnow := w.clock.Now()", "saw(key string, d *document, at ...time.Duration) {\n\tnow := w.clock.Now()\n\tif len(at) > 0 {\n\t\tnow = at[0]\n\t}"},
				{acquireGo, "d, err := l.read(ctx, key)", "sent := l.opts.Clock.Now()\n\td, err := l.read(ctx, key)"},
				{acquireGo, "l.watch.saw(key, d)", "l.watch.saw(key, d, sent)"},
			},
			tests: []string{unit("TestP3_WatchCountsFromTheReply")},
		},
		{
			name: "watch-nonce-only", protects: "P3: a renewal restarts the watch",
			edits: []edit{
				{watchGo, "if e.beat != seen {", "if e.beat.nonce != seen.nonce {"},
				{pipelineGo, "\t\t\top(\"$eq\", \"$beat\", a.watched.beat),\n", ""},
			},
			tests: []string{unit("TestP3_WatchBeginsAnew"), sim},
		},
		{
			name: "watch-without-numbers", protects: "P3: a document without ttl, grace or beat is never taken over",
			edits: []edit{{watchGo, `e.beat.nonce == "" || e.silence <= 0`, `e.beat.nonce == ""`}},
			tests: []string{unit("TestP3_WatchTakesTheOwnersNumbers")},
		},
		{
			name: "watch-forgets", protects: "P3: the watch is kept per key in the process, so that tries add up",
			edits: []edit{{watchGo, "e := w.keys[key]\n\tif e == nil {\n\t\tw.drop", "e := w.keys[key]\n\te = nil\n\tif e == nil {\n\t\tw.drop"}},
			tests: []string{suite},
		},
		{
			name: "watch-keeps-everything", protects: "P3: keys that nobody looks at are forgotten, or a process with a key per run would grow forever",
			edits: []edit{{watchGo, "delete(w.keys, e.key)", "_ = e.key"}},
			tests: []string{unit("TestWatchForgets")},
		},
		{
			name: "steal-any-type-of-beat", protects: "P3: a beat that is no integer is never taken over",
			edits: []edit{{pipelineGo, `,
			op("$in", op("$type", "$beat"), bson.A{"int", "long"}))})`, `)})`}},
			tests:      []string{suite},
			equivalent: "the challenger never watches such a document (its silence is zero), so that no request names its beat; the server's check stands behind that",
		},
		{
			name: "beat-plus-one", protects: "P5: a beat is the number of the request and never born twice",
			edits: []edit{{pipelineGo, `op("$max", "$beat", beat)`, `op("$add", "$beat", int64(1))`}},
			tests: []string{suite},
		},
		{
			name: "beat-set", protects: "P5: a renewal that arrives late does not move the beat back",
			edits: []edit{{pipelineGo, `op("$max", "$beat", beat)`, `beat`}},
			tests: []string{unit("TestP5_OwnLateRenewalsAreNoTwin")},
		},
		{
			name: "late-acquire-of-a-finished-nonce", protects: "P6: an acquisition that arrives after its own release takes nothing",
			edits: []edit{{pipelineGo, `op("$ne", "$lastNonce", literal(a.nonce))`, `op("$eq", 1, 1)`}},
			tests: []string{unit("TestP6_AcquireThatArrivesAfterItsRelease"), acquisitions},
		},
		{
			name: "late-acquire-by-another-right", protects: "P6: the same of an acquisition by any right",
			edits: []edit{{pipelineGo, `op("$ne", op("$ifNull", "$lastNonce", ""), literal(a.nonce))`, `op("$eq", 1, 1)`}},
			tests: []string{acquisitions},
		},
		{
			name: "plain-takes-any-list", protects: "P2: what is plainly free has the shape that a release leaves",
			edits: []edit{{pipelineGo, "\t\t\treleased,\n", "\t\t\top(\"$or\", released, true),\n"}},
			tests: []string{suite, acquisitions},
		},
		{
			name: "plain-whatever-the-token", protects: "P7: a token of another type is not counted from",
			edits: []edit{{pipelineGo, `op("$type", "$token"), op("$type", "$lastNonce")`, `"long", op("$type", "$lastNonce")`}},
			tests: []string{acquisitions},
		},
		{
			name: "plain-asks-once", protects: "P2: what others have written is taken by the second command",
			edits: []edit{{"pkg/mongolock/acquire.go", "case err == nil && plain && l.mayWin(r, d):", "case false:"}},
			tests: []string{unit("TestPlainTakesWhatWeLeave"), suite},
		},
		{
			name: "token-forgets-old", protects: "P7: the token grows although the server's clock steps back",
			edits: []edit{{pipelineGo, `op("$add", token, int64(1)), `, ``}},
			tests: []string{suite, sim},
		},
		{
			name: "token-forgets-seen", protects: "P7: the token grows although the document was deleted",
			edits: []edit{{pipelineGo, "a.seen+1)", "int64(0))"}},
			tests: []string{unit("TestP7_TokenOutlivesADeletionAndAClockThatStepsBack")},
		},
		{
			name: "adopt-anyone", protects: "P8: only the nonce adopts",
			edits: []edit{{pipelineGo, `op("$in", op("$ifNull", "$nonce", ""), literal(a.adopt)),`, ``}},
			tests: []string{suite, sim},
		},
		{
			name: "adopt-revoked", protects: "P8: what an operator revoked is not adopted",
			edits: []edit{{pipelineGo, "op(\"$in\", op(\"$ifNull\", \"$nonce\", \"\"), literal(a.adopt)),\n\t\t\top(\"$ne\", op(\"$ifNull\", \"$revoked\", \"\"), \"$nonce\"),", "op(\"$in\", op(\"$ifNull\", \"$nonce\", \"\"), literal(a.adopt)),"}},
			tests: []string{suite},
		},
		{
			name: "done-is-free", protects: "P9: a done record is not taken",
			edits: []edit{{pipelineGo, `op("$eq", op("$ifNull", "$state", ""), stateDone), again, way)`, `op("$eq", 1, 2), again, way)`}},
			tests: []string{suite},
		},
		{
			name: "acquire-keeps-purge", protects: "P9: whoever acquires an abandoned or finished key unmarks it",
			edits: []edit{{pipelineGo, `{Key: "holder", Value: literal(a.holder)},
		{Key: "lastNonce"`, `{Key: "holder", Value: literal(a.holder)},
		{Key: "purgeAt", Value: op("$ifNull", "$purgeAt", "$$REMOVE")},
		{Key: "lastNonce"`}},
			tests: []string{suite},
		},
		{
			name: "renew-keeps-purge", protects: "P9: a holder that lives again is not purged",
			edits: []edit{{pipelineGo, `op("$unset", "purgeAt"),`, ``}},
			tests: []string{suite},
		},
		{
			name: "revoke-frees", protects: "P11: a revoked holder keeps the key until it has stopped",
			edits: []edit{{inspectGo, `"$nonce", op("$ifNull", "$revoked", "$$REMOVE"))}})}`, `"$nonce", op("$ifNull", "$revoked", "$$REMOVE"))}, {Key: "locked", Value: false}, {Key: "state", Value: stateFree}})}`}},
			tests: []string{suite, sim},
		},
	}
}
