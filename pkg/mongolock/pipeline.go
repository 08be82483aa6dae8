package mongolock

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The pipelines are written in the dialect that every server speaks which was
// tried: times compared as numbers, $type asked first (in a pipeline null is
// less than any date), no $$NOW in filters or projections.

func op(name string, args ...any) bson.D {
	if len(args) == 1 {
		return bson.D{{Key: name, Value: args[0]}}
	}
	return bson.D{{Key: name, Value: bson.A(args)}}
}

func literal(v any) bson.D { return op("$literal", v) }

// number is the field as a number, or missing where it is none.
func number(field string, missing int64) bson.D {
	return op("$cond", op("$in", op("$type", field), bson.A{"int", "long"}), field, missing)
}

// attempt is one acquisition as it is sent: everything that decides or is written.
type attempt struct {
	key    string
	nonce  string
	mark   int64
	owner  string
	holder Holder
	timing Timing
	// adopt are nonces of earlier acquisitions of this process's predecessor.
	adopt []string
	// watched is the holder that was seen to stand still for its whole silence, or nil.
	watched *beatOf
	// seen is the highest token this process has seen for the key.
	seen int64
}

// beatOf names one renewal of one acquisition.
type beatOf struct {
	nonce string
	beat  int64
}

// way names, by the word that the history keeps, by which right the
// acquisition may take the document: "" where there is none.
func (a *attempt) way() bson.D {
	type right struct {
		name string
		cond bson.D
	}
	// The order is that of the names in the history; at most one holds of any document but free.
	// What is unlocked by hand but still held is not free: its holder works on until its next renewal.
	rights := []right{{"free", op("$and",
		op("$ne", op("$ifNull", "$locked", false), true),
		op("$eq", op("$ifNull", "$state", stateFree), stateFree),
		op("$or", op("$eq", "$state", stateFree), op("$eq", op("$type", "$nonce"), "missing")))}}
	if len(a.adopt) > 0 {
		// What an operator revoked, or two processes have, is not taken up again.
		rights = append(rights, right{"adopted", op("$and",
			op("$eq", "$state", stateHeld),
			op("$in", op("$ifNull", "$nonce", ""), literal(a.adopt)),
			op("$ne", op("$ifNull", "$revoked", ""), "$nonce"),
			op("$ne", "$twin", true))})
	}
	if a.watched != nil {
		rights = append(rights, right{"taken-over", op("$and",
			op("$eq", "$state", stateHeld),
			op("$eq", "$nonce", literal(a.watched.nonce)),
			op("$eq", "$beat", a.watched.beat),
			op("$in", op("$type", "$beat"), bson.A{"int", "long"}))})
	}
	// The Python library's.
	rights = append(rights, right{"expired", op("$and",
		op("$eq", op("$type", "$nonce"), "missing"),
		op("$eq", op("$type", "$state"), "missing"),
		op("$eq", op("$type", "$expire"), "date"),
		op("$lt", op("$add", op("$toLong", "$expire"), a.timing.Grace.Milliseconds()), op("$toLong", "$$NOW")))})
	branches := bson.A{}
	for _, r := range rights {
		branches = append(branches, bson.D{{Key: "case", Value: r.cond}, {Key: "then", Value: r.name}})
	}
	way := op("$switch", bson.D{{Key: "branches", Value: branches}, {Key: "default", Value: ""}})

	// None of these takes a done record, whatever else it says.
	var again any = ""
	if a.holder.JobUID != "" {
		again = op("$cond", op("$and",
			op("$eq", "$done.outcome", "failed"),
			op("$eq", "$done.jobUID", literal(a.holder.JobUID))), "again", "")
	}
	return op("$cond", op("$eq", op("$ifNull", "$state", ""), stateDone), again, way)
}

// pipeline replaces the whole document where the acquisition takes it, and
// leaves it byte for byte equal where it does not: the server then writes nothing.
//
// The way and the token are variables because each is used twice: written out
// twice they made the request half as long again, and the server parsed and evaluated all of it.
func (a *attempt) pipeline() bson.A {
	take := op("$and",
		op("$ne", "$$way", ""),
		sane(),
		op("$eq", op("$ifNull", "$v", Format), Format),
		op("$ne", op("$ifNull", "$nonce", ""), literal(a.nonce)),
		// A late request of an acquisition that has been finished.
		op("$ne", op("$ifNull", "$lastNonce", ""), literal(a.nonce)))
	return bson.A{op("$replaceWith", op("$let", bson.D{
		{Key: "vars", Value: bson.D{{Key: "way", Value: a.way()}, {Key: "token", Value: a.next(number("$token", 0))}}},
		{Key: "in", Value: op("$cond", take, a.taken("$$token", "$$way"), "$$ROOT")},
	}))}
}

// next is the token after the one that the document has, if any.
func (a *attempt) next(token any) bson.D {
	return op("$max", op("$add", token, int64(1)), op("$toLong", "$$NOW"), a.seen+1)
}

// taken is the document of the acquisition.
func (a *attempt) taken(token, how any) bson.D {
	entry := bson.D{
		{Key: "at", Value: "$$NOW"},
		{Key: "owner", Value: literal(a.owner)},
		{Key: "token", Value: token},
		{Key: "how", Value: how},
	}
	if a.holder.Cluster != "" {
		entry = append(entry, bson.E{Key: "cluster", Value: literal(a.holder.Cluster)})
	}
	if a.holder.Pod != "" {
		entry = append(entry, bson.E{Key: "pod", Value: literal(a.holder.Pod)})
	}
	history := op("$slice", op("$concatArrays",
		op("$cond", op("$isArray", "$history"), "$history", bson.A{}), bson.A{entry}), int32(-maxHistory))
	return bson.D{
		{Key: "_id", Value: "$_id"},
		{Key: "locked", Value: true},
		{Key: "owner", Value: literal(a.owner)},
		{Key: "created", Value: "$$NOW"},
		{Key: "expire", Value: op("$add", "$$NOW", a.timing.Silence().Milliseconds())},
		{Key: "v", Value: int32(Format)},
		{Key: "state", Value: stateHeld},
		{Key: "nonce", Value: literal(a.nonce)},
		{Key: "beat", Value: int64(0)},
		{Key: "mark", Value: a.mark},
		{Key: "token", Value: token},
		{Key: "ttlMs", Value: a.timing.TTL.Milliseconds()},
		{Key: "graceMs", Value: a.timing.Grace.Milliseconds()},
		{Key: "touched", Value: "$$NOW"},
		{Key: "holder", Value: literal(a.holder)},
		{Key: "lastNonce", Value: op("$ifNull", "$lastNonce", "$$REMOVE")},
		{Key: "history", Value: history},
	}
}

// plain takes what is free as a release of this package leaves it, or was never there, and leaves everything else as it
// is. What it takes [attempt.pipeline] would take too, by the right "free", and would write the same. It is sent first where nothing else can
// have a chance but in a document of others: the server needs a half of the time to read and evaluate it.
func (a *attempt) plain() bson.A {
	// What is missing counts as null in the list, a symbol as a string, and some servers take 0 for false there: types are compared first. An equal list is most of the shape of a document (see fieldTypes) in one comparison.
	released := op("$eq", bson.A{
		op("$type", "$locked"), op("$type", "$state"), op("$type", "$v"), op("$type", "$token"), op("$type", "$lastNonce"), op("$type", "$touched"), op("$type", "$nonce"), "$locked", "$state", "$v",
		"$owner", "$created", "$expire", "$revoked", "$twin", "$beat", "$mark", "$ttlMs", "$graceMs", "$holder", "$done",
	}, bson.A{
		"bool", "string", "int", "long", "string", "date", "missing", false, stateFree, int32(Format),
		nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
	})
	free := op("$or",
		op("$and",
			released,
			op("$in", op("$type", "$purgeAt"), bson.A{"date", "missing"}),
			op("$gte", "$token", int64(0)),
			op("$lt", "$token", int64(maxToken)),
			// A late request of an acquisition that has been finished.
			op("$ne", "$lastNonce", literal(a.nonce))),
		op("$eq", "$$ROOT", bson.D{{Key: "_id", Value: "$_id"}}))
	return bson.A{op("$replaceWith", op("$cond", free, a.taken(a.next("$token"), "free"), "$$ROOT"))}
}

// renewal says that the nonce is alive. The beat is the number of the request
// and never used twice: beat + 1, computed by the server, would be born again after a rollback.
//
// The mark is this request's own. Where the document shows one that is not
// among those that the lease may have left there, another process renews the same nonce: the same
// step says so, for good, so that both learn of it, and nobody adopts the nonce. A request that comes late, with
// a beat below the document's, cannot know.
type renewal struct {
	nonce      string
	timing     Timing
	beat, mark int64
	known      []int64
}

func (r *renewal) pipeline() bson.A {
	return bson.A{
		op("$set", bson.D{
			{Key: "expire", Value: op("$add", "$$NOW", r.timing.Silence().Milliseconds())},
			{Key: "touched", Value: "$$NOW"},
			{Key: "beat", Value: op("$max", "$beat", r.beat)},
			{Key: "mark", Value: r.mark},
			{Key: "twin", Value: op("$cond",
				op("$or", op("$lt", r.beat, "$beat"), op("$in", "$mark", r.known)),
				op("$ifNull", "$twin", "$$REMOVE"), true)},
		}),
		// Who lives again after it was marked as abandoned must not be purged.
		op("$unset", "purgeAt"),
	}
}

// ending is how a lease leaves its document.
type ending struct {
	nonce string
	// done is the record of the run; nil for a release.
	done *Done
	// purge is how long the finished document is kept; zero: forever.
	purge time.Duration
	// try numbers the requests of one ending, so that each is a write that a majority has to acknowledge.
	try int64
	// known are the marks that the document may show; one that shows another has been renewed by a twin.
	known []int64
}

// pipeline finishes the document where the nonce still holds it. Where the
// nonce has finished already, only the number of the attempt is written.
func (e *ending) pipeline() bson.A {
	mine := op("$and", op("$eq", "$nonce", literal(e.nonce)), op("$eq", "$state", stateHeld))
	kept := bson.D{
		{Key: "v", Value: int32(Format)},
		{Key: "token", Value: "$token"},
		{Key: "lastNonce", Value: literal(e.nonce)},
		{Key: "touched", Value: "$$NOW"},
		{Key: "history", Value: op("$ifNull", "$history", bson.A{})},
		{Key: "finishTry", Value: e.try},
	}
	if e.purge > 0 {
		kept = append(kept, bson.E{Key: "purgeAt", Value: op("$add", "$$NOW", e.purge.Milliseconds())})
	}
	finished := bson.D{{Key: "_id", Value: "$_id"}}
	if e.done == nil {
		finished = append(finished, released...)
	} else {
		// Locked without an end: the Python library never takes it.
		finished = append(finished, bson.D{
			{Key: "locked", Value: true},
			{Key: "owner", Value: "$owner"},
			{Key: "created", Value: "$created"},
			{Key: "expire", Value: nil},
			{Key: "state", Value: stateDone},
			{Key: "holder", Value: "$holder"},
			{Key: "done", Value: bson.D{
				{Key: "at", Value: "$$NOW"},
				{Key: "by", Value: literal(e.done.By)},
				{Key: "jobUID", Value: literal(e.done.JobUID)},
				{Key: "outcome", Value: literal(e.done.Outcome)},
			}},
		}...)
	}
	finished = append(finished, kept...)
	repeated := op("$mergeObjects", "$$ROOT", bson.D{{Key: "finishTry", Value: op("$max", "$finishTry", e.try)}})
	return bson.A{op("$replaceWith", op("$cond", mine, finished, repeated))}
}

// released are the fields of a free document: the first four as the Python library releases them.
var released = bson.D{ //nolint:gochecknoglobals // a constant
	{Key: "locked", Value: false},
	{Key: "owner", Value: nil},
	{Key: "created", Value: nil},
	{Key: "expire", Value: nil},
	{Key: "state", Value: stateFree},
}

// filter selects the document that the nonce holds, or the one that it has finished.
func (e *ending) filter(key string) bson.D {
	return bson.D{
		{Key: "_id", Value: key},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "nonce", Value: e.nonce}, {Key: "state", Value: stateHeld}, {Key: "mark", Value: bson.D{{Key: "$in", Value: e.known}}}, {Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}}},
			bson.D{{Key: "lastNonce", Value: e.nonce}},
		}},
	}
}

// disowning says of a nonce that two processes have it.
type disowning struct{ nonce string }

func (d disowning) change(key string, within time.Duration) Change {
	return Change{Key: key, Filter: append(held(key, d.nonce), known()), Pipeline: bson.A{op("$set", bson.D{{Key: "twin", Value: true}})}, Within: within, step: d}
}

// revoking marks the nonce that holds the key, where one of ours does.
type revoking struct{}

func (r revoking) change(key string, within time.Duration) Change {
	return Change{
		Key:      key,
		Filter:   bson.D{{Key: "_id", Value: key}, {Key: "state", Value: stateHeld}, {Key: "nonce", Value: bson.D{{Key: "$type", Value: "string"}}}, known()},
		Pipeline: bson.A{op("$set", bson.D{{Key: "revoked", Value: op("$cond", sane(), "$nonce", op("$ifNull", "$revoked", "$$REMOVE"))}})},
		Within:   within, step: r, exactly: true,
	}
}

// freeing frees the key, whoever holds it.
type freeing struct{}

func (f freeing) change(key string, within time.Duration) Change {
	free := append(append(bson.D{{Key: "_id", Value: "$_id"}}, released...), bson.D{
		{Key: "v", Value: int32(Format)},
		{Key: "token", Value: "$token"},
		{Key: "lastNonce", Value: op("$ifNull", "$nonce", op("$ifNull", "$lastNonce", "$$REMOVE"))},
		{Key: "touched", Value: "$$NOW"},
		{Key: "history", Value: op("$cond", op("$isArray", "$history"), "$history", bson.A{})},
	}...)
	return Change{
		Key:      key,
		Filter:   bson.D{{Key: "_id", Value: key}, known()},
		Pipeline: bson.A{op("$replaceWith", op("$cond", sane(), free, "$$ROOT"))},
		Within:   within, step: f, exactly: true,
	}
}

// known selects documents of this format, or of none: a later one is not ours to change.
func known() bson.E {
	return bson.E{Key: "v", Value: bson.D{{Key: "$in", Value: bson.A{Format, nil}}}}
}
