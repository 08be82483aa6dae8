package fakemongo

import (
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

// protocolCases are the requests that package mongolock sends, each on every kind of document that it may find.
func protocolCases(t *testing.T) []sameCase {
	t.Helper()
	var out []sameCase
	for _, name := range []string{"acquire", "acquire-free", "renew", "release", "done", "revoke"} {
		text := must.Get(os.ReadFile("../../pkg/mongolock/testdata/sent/" + name + ".json"))(t)
		var sent struct {
			Filter   bson.D
			Pipeline bson.A
		}
		must.Do(t, bson.UnmarshalExtJSON(text, false, &sent))
		filter := d{}
		for _, f := range with(sent.Filter, "_id", missing) {
			filter = append(filter, e{f.Key, f.Value})
		}
		for _, doc := range locks() {
			out = append(out, sameCase{name: name, doc: doc, update: sent.Pipeline, filter: filter, upsert: strings.HasPrefix(name, "acquire")})
		}
	}
	return out
}

// held is a lock document; the changes replace fields, nil removes one.
func held(changes ...e) d {
	doc := d{
		{"locked", true},
		{"owner", "a"},
		{"created", at(-90_000)},
		{"expire", at(9_000)},
		{"v", int32(1)},
		{"nonce", "NONCE"},
		{"beat", int64(3)},
		{"mark", int64(1)},
		{"holder", d{{"podUID", "U1"}}},
		{"ttlMs", int64(30_000)},
		{"graceMs", int64(5_000)},
		{"touched", at(-1_000)},
		{"state", "held"},
		{"token", int64(7)},
		{"history", a{d{{"owner", "a"}, {"token", int64(7)}}}},
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

// locks are the documents that a lock may find.
func locks() []d {
	python := func(locked bool, owner, created, expire any) d {
		return d{{"locked", locked}, {"owner", owner}, {"created", created}, {"expire", expire}}
	}
	free := func(changes ...e) d {
		released := []e{{"locked", false}, {"state", "free"}, {"nonce", nil}, {"lastNonce", "A"}}
		return held(append(released, changes...)...)
	}
	done := func(outcome string) d {
		record := d{{"at", at(-1_000)}, {"by", "a"}, {"jobUID", "job-uid"}, {"outcome", outcome}}
		return held(e{"state", "done"}, e{"expire", nil}, e{"nonce", nil}, e{"done", record})
	}
	return []d{
		nil,
		{},
		python(false, nil, nil, nil),
		python(true, "w", at(-1_000_000), nil),
		python(true, "w", at(-1_000), at(60_000)),
		python(true, "w", at(-100_000), at(-2_000)),
		python(true, "w", at(-100_000), at(-60_000)),
		held(),
		held(e{"beat", int64(9)}),
		held(e{"mark", int64(2)}),
		held(e{"twin", true}),
		held(e{"purgeAt", at(100_000)}),
		held(e{"history", nil}),
		held(e{"history", "none"}),
		held(e{"history", a{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}),
		held(e{"v", int32(99)}),
		held(e{"token", int32(7)}),
		held(e{"token", "seven"}),
		held(e{"nonce", "SILENT"}, e{"expire", at(-6_000)}),
		held(e{"nonce", "SILENT"}, e{"expire", at(9_000_000)}),
		held(e{"nonce", "SILENT"}, e{"beat", int64(4)}),
		held(e{"nonce", "EARLIER"}),
		held(e{"nonce", "EARLIER"}, e{"revoked", "EARLIER"}),
		held(e{"nonce", "EARLIER"}, e{"twin", true}),
		held(e{"nonce", "OTHER"}, e{"expire", at(-9_000_000)}),
		free(),
		free(e{"lastNonce", "NONCE"}),
		free(e{"owner", nil}, e{"created", nil}, e{"expire", nil}, e{"purgeAt", at(100_000)}),
		free(e{"purgeAt", "soon"}),
		done("failed"),
		done("succeeded"),
	}
}
