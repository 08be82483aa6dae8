package mongolock

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The steps in Go, each beside the name of its pipeline in pipeline.go. A test holds one against the other, on documents
// of all shapes.

var (
	_ step = (*attempt)(nil)
	_ step = (*plainAttempt)(nil)
	_ step = (*renewal)(nil)
	_ step = (*ending)(nil)
	_ step = disowning{}
	_ step = revoking{}
	_ step = freeing{}
)

func (a *attempt) applies(bson.Raw) bool { return true }

func (a *attempt) apply(doc bson.Raw, now time.Time) bson.Raw {
	if !isSane(doc) || !isVersion(doc.Lookup("v")) || text(doc, "nonce") == a.nonce || text(doc, "lastNonce") == a.nonce {
		return doc
	}
	how := a.right(doc, now)
	if how == "" {
		return doc
	}
	token, _ := whole(doc.Lookup("token"))
	return a.takes(doc, now, token, how)
}

// right is [attempt.way], of a sane document.
func (a *attempt) right(doc bson.Raw, now time.Time) string {
	state, nonce := doc.Lookup("state"), doc.Lookup("nonce")
	if isText(state, stateDone) {
		done, _ := doc.Lookup("done").DocumentOK()
		if a.holder.JobUID != "" && text(done, "outcome") == outcomeFailed && text(done, "jobUID") == a.holder.JobUID {
			return "again"
		}
		return ""
	}
	held := isText(state, stateHeld)
	expire, dated := doc.Lookup("expire").DateTimeOK()
	beat, counted := whole(doc.Lookup("beat"))
	switch {
	case !isTrue(doc.Lookup("locked")) && (isText(state, stateFree) || absent(state) && absent(nonce)):
		return "free"
	case held && slices.Contains(a.adopt, text(doc, "nonce")) && text(doc, "revoked") != text(doc, "nonce") && !isTrue(doc.Lookup("twin")):
		return "adopted"
	case held && a.watched != nil && isText(nonce, a.watched.nonce) && counted && beat == a.watched.beat:
		return "taken-over"
	case absent(nonce) && absent(state) && dated && expire < now.UnixMilli()-a.timing.Grace.Milliseconds(): // a date may be the largest there is
		return "expired"
	}
	return ""
}

// takes is [attempt.taken], with the token after the one that the document has.
func (a *attempt) takes(doc bson.Raw, now time.Time, token int64, how string) bson.Raw {
	token = max(token+1, now.UnixMilli(), a.seen+1)
	entry := bson.D{{Key: "at", Value: now}, {Key: "owner", Value: a.owner}, {Key: "token", Value: token}, {Key: "how", Value: how}}
	if a.holder.Cluster != "" {
		entry = append(entry, bson.E{Key: "cluster", Value: a.holder.Cluster})
	}
	if a.holder.Pod != "" {
		entry = append(entry, bson.E{Key: "pod", Value: a.holder.Pod})
	}
	history := bson.A{}
	if array, ok := doc.Lookup("history").ArrayOK(); ok {
		values, _ := array.Values() // a document that is no BSON is not sane
		for _, v := range values[max(0, len(values)-maxHistory+1):] {
			history = append(history, v)
		}
	}
	next := bson.D{
		{Key: "_id", Value: doc.Lookup("_id")},
		{Key: "locked", Value: true},
		{Key: "owner", Value: a.owner},
		{Key: "created", Value: now},
		{Key: "expire", Value: now.Add(a.timing.Silence().Truncate(time.Millisecond))},
		{Key: "v", Value: int32(Format)},
		{Key: "state", Value: stateHeld},
		{Key: "nonce", Value: a.nonce},
		{Key: "beat", Value: int64(0)},
		{Key: "mark", Value: a.mark},
		{Key: "token", Value: token},
		{Key: "ttlMs", Value: a.timing.TTL.Milliseconds()},
		{Key: "graceMs", Value: a.timing.Grace.Milliseconds()},
		{Key: "touched", Value: now},
		{Key: "holder", Value: a.holder},
	}
	if last := doc.Lookup("lastNonce"); !nothing(last) {
		next = append(next, bson.E{Key: "lastNonce", Value: last})
	}
	return marshal(append(next, bson.E{Key: "history", Value: append(history, entry)}))
}

// plainAttempt is an attempt that takes what [attempt.plain] takes.
type plainAttempt attempt

func (*plainAttempt) applies(bson.Raw) bool { return true }

func (p *plainAttempt) apply(doc bson.Raw, now time.Time) bson.Raw {
	a := (*attempt)(p)
	if elements, err := doc.Elements(); err == nil && len(elements) == 1 {
		return a.takes(doc, now, 0, "free")
	}
	token, long := doc.Lookup("token").Int64OK()
	locked, is := doc.Lookup("locked").BooleanOK()
	v, short := doc.Lookup("v").Int32OK()
	purge := doc.Lookup("purgeAt")
	if !is || locked || !short || v != Format || !long || token < 0 || token >= maxToken || !absent(doc.Lookup("nonce")) || doc.Lookup("state").Type != bson.TypeString || text(doc, "state") != stateFree ||
		doc.Lookup("lastNonce").Type != bson.TypeString || text(doc, "lastNonce") == a.nonce || doc.Lookup("touched").Type != bson.TypeDateTime ||
		!absent(purge) && purge.Type != bson.TypeDateTime {
		return doc
	}
	for _, name := range []string{"owner", "created", "expire", "revoked", "twin", "beat", "mark", "ttlMs", "graceMs", "holder", "done"} {
		if v := doc.Lookup(name); !absent(v) && v.Type != bson.TypeNull {
			return doc
		}
	}
	return a.takes(doc, now, token, "free")
}

func (r *renewal) applies(doc bson.Raw) bool { return holds(doc, r.nonce) }

func (r *renewal) apply(doc bson.Raw, now time.Time) bson.Raw {
	next := set(elements(doc), "expire", now.Add(r.timing.Silence().Truncate(time.Millisecond)))
	next = set(next, "touched", now)
	next = set(next, "beat", largest(doc.Lookup("beat"), r.beat))
	next = set(next, "mark", r.mark)
	known := slices.ContainsFunc(r.known, func(n int64) bool { return against(doc.Lookup("mark"), n) == 0 })
	twin := doc.Lookup("twin")
	switch {
	case !known && against(doc.Lookup("beat"), r.beat) <= 0:
		next = set(next, "twin", true)
	case nothing(twin):
		next = unset(next, "twin")
	}
	return marshal(unset(next, "purgeAt"))
}

func (e *ending) applies(doc bson.Raw) bool {
	mine := holds(doc, e.nonce) && !matches(doc.Lookup("twin"), isTrue) &&
		matches(doc.Lookup("mark"), func(v bson.RawValue) bool {
			return slices.ContainsFunc(e.known, func(n int64) bool { return against(v, n) == 0 })
		})
	return mine || matches(doc.Lookup("lastNonce"), func(v bson.RawValue) bool { return isText(v, e.nonce) })
}

func (e *ending) apply(doc bson.Raw, now time.Time) bson.Raw {
	if !isText(doc.Lookup("nonce"), e.nonce) || !isText(doc.Lookup("state"), stateHeld) {
		return marshal(set(elements(doc), "finishTry", largest(doc.Lookup("finishTry"), e.try)))
	}
	next := bson.D{{Key: "_id", Value: doc.Lookup("_id")}}
	if e.done == nil {
		next = append(next, released...)
	} else {
		next = carry(append(next, bson.E{Key: "locked", Value: true}), doc, "owner", "created")
		next = carry(append(next, bson.E{Key: "expire", Value: nil}, bson.E{Key: "state", Value: stateDone}), doc, "holder")
		next = append(next, bson.E{Key: "done", Value: bson.D{
			{Key: "at", Value: now}, {Key: "by", Value: e.done.By}, {Key: "jobUID", Value: e.done.JobUID}, {Key: "outcome", Value: e.done.Outcome},
		}})
	}
	next = carry(append(next, bson.E{Key: "v", Value: int32(Format)}), doc, "token")
	next = append(next, bson.E{Key: "lastNonce", Value: e.nonce}, bson.E{Key: "touched", Value: now})
	history := doc.Lookup("history")
	if nothing(history) {
		next = append(next, bson.E{Key: "history", Value: bson.A{}})
	} else {
		next = append(next, bson.E{Key: "history", Value: history})
	}
	next = append(next, bson.E{Key: "finishTry", Value: e.try})
	if e.purge > 0 {
		next = append(next, bson.E{Key: "purgeAt", Value: now.Add(e.purge.Truncate(time.Millisecond))})
	}
	return marshal(next)
}

func (d disowning) applies(doc bson.Raw) bool { return holds(doc, d.nonce) && isKnown(doc) }

func (disowning) apply(doc bson.Raw, _ time.Time) bson.Raw {
	return marshal(set(elements(doc), "twin", true))
}

func (revoking) applies(doc bson.Raw) bool {
	return isKnown(doc) && matches(doc.Lookup("state"), func(v bson.RawValue) bool { return isText(v, stateHeld) }) &&
		matches(doc.Lookup("nonce"), func(v bson.RawValue) bool { return v.Type == bson.TypeString })
}

func (revoking) apply(doc bson.Raw, _ time.Time) bson.Raw {
	was := doc.Lookup("revoked")
	switch {
	case isSane(doc):
		return marshal(set(elements(doc), "revoked", doc.Lookup("nonce")))
	case nothing(was):
		return marshal(unset(elements(doc), "revoked"))
	}
	return doc
}

func (freeing) applies(doc bson.Raw) bool { return isKnown(doc) }

func (freeing) apply(doc bson.Raw, now time.Time) bson.Raw {
	if !isSane(doc) {
		return doc
	}
	next := append(append(bson.D{{Key: "_id", Value: doc.Lookup("_id")}}, released...), bson.E{Key: "v", Value: int32(Format)})
	next = carry(next, doc, "token")
	switch {
	case !absent(doc.Lookup("nonce")):
		next = append(next, bson.E{Key: "lastNonce", Value: doc.Lookup("nonce")})
	case !nothing(doc.Lookup("lastNonce")):
		next = carry(next, doc, "lastNonce")
	}
	next = append(next, bson.E{Key: "touched", Value: now})
	if history := doc.Lookup("history"); history.Type == bson.TypeArray {
		next = append(next, bson.E{Key: "history", Value: history})
	} else {
		next = append(next, bson.E{Key: "history", Value: bson.A{}})
	}
	return marshal(next)
}

// isSane is [sane].
func isSane(doc bson.Raw) bool {
	for _, f := range fieldTypes {
		if v := doc.Lookup(f.name); !absent(v) && !f.allows(v.Type) {
			return false
		}
	}
	state, token := doc.Lookup("state"), doc.Lookup("token")
	n, _ := whole(token)
	if isText(doc.Lookup("nonce"), "") || n < 0 || n >= maxToken ||
		!absent(state) && !isText(state, stateHeld) && !isText(state, stateFree) && !isText(state, stateDone) {
		return false
	}
	if !absent(doc.Lookup("locked")) {
		return true
	}
	return !slices.ContainsFunc([]string{"owner", "created", "expire", "state", "nonce", "token"}, func(name string) bool { return !absent(doc.Lookup(name)) })
}

// isVersion is true for this format's number, and where there is none.
func isVersion(v bson.RawValue) bool {
	return absent(v) || v.Type == bson.TypeNull || against(v, Format) == 0
}

// isKnown is [known].
func isKnown(doc bson.Raw) bool { return matches(doc.Lookup("v"), isVersion) }

// holds is the filter [held].
func holds(doc bson.Raw, nonce string) bool {
	return matches(doc.Lookup("nonce"), func(v bson.RawValue) bool { return isText(v, nonce) }) &&
		matches(doc.Lookup("state"), func(v bson.RawValue) bool { return isText(v, stateHeld) })
}

// matches is how a filter compares: an array matches where one of its values does.
func matches(v bson.RawValue, is func(bson.RawValue) bool) bool {
	if array, ok := v.ArrayOK(); ok {
		values, err := array.Values()
		return err == nil && slices.ContainsFunc(values, is)
	}
	return is(v)
}

func absent(v bson.RawValue) bool { return v.Type == 0 }

// nothing is true for what $ifNull replaces.
func nothing(v bson.RawValue) bool {
	return absent(v) || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

// isText is true for a symbol too: the server holds it equal to a string.
func isText(v bson.RawValue, s string) bool {
	got, ok := v.StringValueOK()
	if v.Type == bson.TypeSymbol {
		got, ok = v.SymbolOK()
	}
	return ok && got == s
}

func isTrue(v bson.RawValue) bool {
	b, ok := v.BooleanOK()
	return ok && b
}

// text is a field that is a string, or empty.
func text(doc bson.Raw, name string) string {
	if doc == nil {
		return ""
	}
	s, _ := doc.Lookup(name).StringValueOK()
	return s
}

// whole is a number without a fraction.
func whole(v bson.RawValue) (int64, bool) {
	if v.Type == bson.TypeInt32 || v.Type == bson.TypeInt64 {
		return v.AsInt64(), true
	}
	return 0, false
}

// against compares a value with a number in the order that the server gives to values of all types.
func against(v bson.RawValue, n int64) int {
	switch v.Type {
	case 0, bson.TypeUndefined, bson.TypeNull, bson.TypeMinKey:
		return -1
	case bson.TypeInt32, bson.TypeInt64:
		return cmp.Compare(v.AsInt64(), n)
	case bson.TypeDouble:
		return compareFloat(v.Double(), n)
	case bson.TypeDecimal128:
		decimal := v.Decimal128().String()
		if exact, ok := new(big.Rat).SetString(decimal); ok {
			return exact.Cmp(new(big.Rat).SetInt64(n))
		}
		f, _ := strconv.ParseFloat(decimal, 64) // what is left is NaN and the infinities
		return compareFloat(f, n)
	default:
		return 1
	}
}

func compareFloat(f float64, n int64) int {
	if f >= math.MinInt64 && f < math.MaxInt64 && f == math.Trunc(f) {
		return cmp.Compare(int64(f), n)
	}
	return cmp.Compare(f, float64(n)) // NaN is the least
}

// largest is $max of a value and a number.
func largest(v bson.RawValue, n int64) any {
	if against(v, n) >= 0 {
		return v
	}
	return n
}

// elements are the fields of a document, to be changed.
func elements(doc bson.Raw) bson.D {
	all, _ := doc.Elements() // what a store keeps is BSON
	d := make(bson.D, 0, len(all)+2)
	for _, e := range all {
		d = append(d, bson.E{Key: e.Key(), Value: e.Value()})
	}
	return d
}

// set changes a field in its place, or appends it.
func set(d bson.D, name string, value any) bson.D {
	for i := range d {
		if d[i].Key == name {
			d[i].Value = value
			return d
		}
	}
	return append(d, bson.E{Key: name, Value: value})
}

func unset(d bson.D, name string) bson.D {
	return slices.DeleteFunc(d, func(e bson.E) bool { return e.Key == name })
}

// carry appends those fields that the document has.
func carry(d bson.D, doc bson.Raw, names ...string) bson.D {
	for _, name := range names {
		if v := doc.Lookup(name); !absent(v) {
			d = append(d, bson.E{Key: name, Value: v})
		}
	}
	return d
}

// upserted is what an upsert begins with.
func upserted(key string) bson.Raw { return marshal(byID(key)) }

func marshal(d bson.D) bson.Raw {
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(err) // of values of BSON and texts that were checked
	}
	return raw
}
