package fakemongo

// watched is what a challenger has seen stand still.
type watched struct {
	nonce string
	beat  any
}

// tryAcquire are the parameters of an acquire's pipeline.
type tryAcquire struct {
	nonce string
	watch *watched
	adopt string
}

// pipeline is a prototype of an acquire: every condition in one update pipeline.
func (o tryAcquire) pipeline() a {
	const ttl, grace = int64(30_000), int64(5_000)
	adopt, watch := any(false), any(false)
	if o.adopt != "" {
		adopt = d{{"$and", a{d{{"$eq", a{"$state", "held"}}}, d{{"$eq", a{"$nonce", o.adopt}}}}}}
	}
	if o.watch != nil {
		watch = d{{"$and", a{d{{"$eq", a{"$nonce", o.watch.nonce}}}, d{{"$eq", a{"$beat", o.watch.beat}}}}}}
	}
	now := d{{"$toLong", "$$NOW"}}
	take := d{{"$and", a{
		d{{"$ne", a{d{{"$ifNull", a{"$state", ""}}}, "done"}}},
		d{{"$ne", a{d{{"$ifNull", a{"$nonce", ""}}}, o.nonce}}},
		d{{"$ne", a{d{{"$ifNull", a{"$lastNonce", ""}}}, o.nonce}}},
		d{{"$or", a{
			d{{"$and", a{
				d{{"$ne", a{d{{"$ifNull", a{"$locked", false}}}, true}}},
				d{{"$or", a{d{{"$ne", a{d{{"$type", "$restUntil"}}, "date"}}}, d{{"$lt", a{d{{"$toLong", "$restUntil"}}, now}}}}}},
			}}},
			adopt,
			d{{"$and", a{
				d{{"$eq", a{d{{"$type", "$nonce"}}, "missing"}}},
				d{{"$eq", a{d{{"$type", "$expire"}}, "date"}}},
				d{{"$lt", a{d{{"$add", a{d{{"$toLong", "$expire"}}, grace}}}, now}}},
			}}},
			watch,
		}}},
	}}}
	choose := func(value any, field string) e { return e{field, d{{"$cond", a{"$_take", value, "$" + field}}}} }
	return a{
		d{{"$set", d{{"_take", take}}}},
		d{{"$set", d{
			choose(true, "locked"),
			choose(d{{"$literal", "pod-b"}}, "owner"),
			choose("$$NOW", "created"),
			choose(d{{"$add", a{"$$NOW", ttl + grace}}}, "expire"),
			choose(d{{"$literal", o.nonce}}, "nonce"),
			choose(int64(0), "beat"),
			choose(d{{"podUID", d{{"$literal", "U2"}}}}, "holder"),
			choose(ttl, "ttlMs"),
			choose(grace, "graceMs"),
			choose("$$NOW", "touched"),
			choose("$$REMOVE", "restUntil"),
			choose("$$REMOVE", "purgeAt"),
			choose("held", "state"),
			choose(d{{"$max", a{d{{"$add", a{d{{"$ifNull", a{"$token", int64(0)}}}, int64(1)}}}, now}}}, "token"),
		}}},
		d{{"$unset", "_take"}},
	}
}

func renewal(beat int64) a {
	return set(e{"expire", d{{"$add", a{"$$NOW", 35_000}}}}, e{"touched", "$$NOW"}, e{"beat", d{{"$max", a{"$beat", beat}}}})
}

func release() a {
	return a{
		d{{"$set", d{{"locked", false}, {"state", "free"}, {"lastNonce", "$nonce"}, {"owner", nil}}}},
		d{{"$unset", "nonce"}},
	}
}

func heldBy(nonce string) d { return d{{"nonce", nonce}, {"state", "held"}} }

// held is a lock document; the changes replace fields, nil removes one.
func held(changes ...e) d {
	doc := d{
		{"locked", true},
		{"owner", "a"},
		{"created", at(-90_000)},
		{"expire", at(9_000)},
		{"nonce", "A"},
		{"beat", int64(4)},
		{"holder", d{{"podUID", "U1"}}},
		{"ttlMs", int64(30_000)},
		{"graceMs", int64(5_000)},
		{"touched", at(-1_000)},
		{"state", "held"},
		{"token", int64(7)},
	}
	for _, change := range changes {
		out := d{}
		for _, f := range doc {
			if f.k != change.k {
				out = append(out, f)
			}
		}
		if doc = out; change.v != nil {
			doc = append(doc, change)
		}
	}
	return doc
}

func python(locked bool, owner, created, expire any) d {
	return d{{"locked", locked}, {"owner", owner}, {"created", created}, {"expire", expire}}
}

// acquireCase also says who is to win, so that the two servers cannot agree on nonsense.
type acquireCase struct {
	name string
	doc  d
	try  tryAcquire
	wins bool
}

func acquireCases() []acquireCase {
	watchedA := func(beat any) tryAcquire { return tryAcquire{watch: &watched{"A", beat}} }
	free := func(changes ...e) d { return held(append([]e{{"locked", false}, {"state", "free"}}, changes...)...) }
	return []acquireCase{
		{"absent", nil, tryAcquire{}, true},
		{"python released", python(false, nil, nil, nil), tryAcquire{}, true},
		{"python forever", python(true, "w", at(-1_000_000), nil), tryAcquire{}, false},
		{"python live", python(true, "w", at(-1_000), at(60_000)), tryAcquire{}, false},
		{"python inside grace", python(true, "w", at(-100_000), at(-2_000)), tryAcquire{}, false},
		{"python past grace", python(true, "w", at(-100_000), at(-60_000)), tryAcquire{}, true},
		{"ours live, watched an older beat", held(), watchedA(int64(3)), false},
		{"ours, clock says long expired, not watched", held(e{"expire", at(-9_000_000)}), tryAcquire{}, false},
		{"ours, watched", held(e{"expire", at(-6_000)}), watchedA(int64(4)), true},
		{"ours, watched, clock says alive", held(e{"expire", at(9_000_000)}), watchedA(int64(4)), true},
		{"ours, watched as int32", held(), watchedA(int32(4)), true},
		{"other nonce than watched", held(e{"nonce", "C"}), watchedA(int64(4)), false},
		{"adoption by the old nonce", held(), tryAcquire{adopt: "A"}, true},
		{"adoption, stolen meanwhile", held(e{"nonce", "C"}), tryAcquire{adopt: "A"}, false},
		{"same pod, other nonce", held(e{"holder", d{{"podUID", "U2"}}}), tryAcquire{}, false},
		{"late request of a finished nonce", free(e{"nonce", nil}, e{"lastNonce", "B"}), tryAcquire{}, false},
		{"free, at rest", free(e{"nonce", nil}, e{"restUntil", at(60_000)}), tryAcquire{}, false},
		{"free, rest is over", free(e{"nonce", nil}, e{"restUntil", at(-60_000)}, e{"purgeAt", at(100_000)}), tryAcquire{}, true},
		{"replay of my own", held(e{"nonce", "B"}, e{"holder", d{{"podUID", "U2"}}}, e{"token", int64(9)}), tryAcquire{}, true},
		{"done", held(e{"state", "done"}, e{"expire", nil}), watchedA(int64(4)), false},
		{"free, ours", free(), tryAcquire{}, true},
	}
}

// protocolCases are the prototypes of acquire, renew and release.
func protocolCases() []sameCase {
	var out []sameCase
	for _, c := range acquireCases() {
		c.try.nonce = "B"
		out = append(out, sameCase{name: c.name, doc: c.doc, update: c.try.pipeline(), upsert: true})
	}
	return append(
		out,
		sameCase{name: "renewal", doc: held(), update: renewal(5), filter: heldBy("A")},
		sameCase{name: "renewal, late", doc: held(), update: renewal(3), filter: heldBy("A")},
		sameCase{name: "renewal, wrong nonce", doc: held(), update: renewal(9), filter: heldBy("X")},
		sameCase{name: "release", doc: held(), update: release(), filter: heldBy("A")},
		sameCase{name: "release of what is free", doc: held(e{"state", "free"}), update: release(), filter: heldBy("A")},
	)
}
