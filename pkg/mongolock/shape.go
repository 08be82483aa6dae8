package mongolock

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxToken is the largest fencing token: one below 2^62, so that no sum of one overflows.
const maxToken = 1<<62 - 1

// maxText is the longest text in a document that is written, and the most that is shown of one that others have written.
const maxText = 512

// field is a field of a lock document and the types that it may have.
type field struct {
	name  string
	types []bson.Type
	// null says that null counts as missing, as the Python library writes it.
	null bool
}

// fieldTypes are what a document looks like that may be decided by. The pipelines are
// made of the same table, so that server and client judge alike. What has
// another type is no value, and nothing may be concluded from it: neither that the key is free, nor that the token is zero.
// The history is not among them: it decides nothing, and what is none is begun anew.
var fieldTypes = []field{ //nolint:gochecknoglobals // a constant table
	{"locked", []bson.Type{bson.TypeBoolean}, false},
	{"owner", []bson.Type{bson.TypeString}, true},
	{"created", []bson.Type{bson.TypeDateTime}, true},
	{"expire", []bson.Type{bson.TypeDateTime}, true},
	{"v", []bson.Type{bson.TypeInt32, bson.TypeInt64}, true},
	{"state", []bson.Type{bson.TypeString}, false},
	{"nonce", []bson.Type{bson.TypeString}, false},
	{"lastNonce", []bson.Type{bson.TypeString}, true},
	{"revoked", []bson.Type{bson.TypeString}, true},
	{"twin", []bson.Type{bson.TypeBoolean}, true},
	{"beat", []bson.Type{bson.TypeInt64, bson.TypeInt32}, true},
	{"mark", []bson.Type{bson.TypeInt64, bson.TypeInt32}, true},
	{"token", []bson.Type{bson.TypeInt64, bson.TypeInt32}, false},
	{"ttlMs", []bson.Type{bson.TypeInt64, bson.TypeInt32}, true},
	{"graceMs", []bson.Type{bson.TypeInt64, bson.TypeInt32}, true},
	{"touched", []bson.Type{bson.TypeDateTime}, true},
	{"holder", []bson.Type{bson.TypeEmbeddedDocument}, true},
	{"done", []bson.Type{bson.TypeEmbeddedDocument}, true},
	{"purgeAt", []bson.Type{bson.TypeDateTime}, true},
}

func (f field) allows(t bson.Type) bool {
	return f.null && t == bson.TypeNull || slices.Contains(f.types, t)
}

// typeNames are what $type calls them.
var typeNames = map[bson.Type]string{ //nolint:gochecknoglobals // a constant table
	bson.TypeBoolean: "bool", bson.TypeString: "string", bson.TypeDateTime: "date", bson.TypeInt32: "int", bson.TypeInt64: "long",
	bson.TypeEmbeddedDocument: "object", bson.TypeArray: "array",
}

// sane is true for a document of that shape, in a pipeline.
func sane() bson.D {
	all := bson.A{}
	for _, f := range fieldTypes {
		names := bson.A{}
		for _, t := range f.types {
			names = append(names, typeNames[t])
		}
		names = append(names, "missing")
		if f.null {
			names = append(names, "null")
		}
		all = append(all, op("$in", op("$type", "$"+f.name), names))
	}
	missing := func(name string) bson.D { return op("$eq", op("$type", name), "missing") }
	return op("$and", append(all,
		op("$ne", "$nonce", ""),
		op("$in", op("$ifNull", "$state", stateFree), bson.A{stateHeld, stateFree, stateDone}),
		op("$gte", op("$ifNull", "$token", int64(0)), int64(0)),
		op("$lt", op("$ifNull", "$token", int64(0)), int64(maxToken)),
		// What an upsert begins with has nothing but its _id.
		op("$or", op("$ne", op("$type", "$locked"), "missing"), op("$and", missing("$owner"), missing("$created"), missing("$expire"), missing("$state"), missing("$nonce"), missing("$token"))),
	)...)
}

// aType is the name of a type with its article.
func aType(t bson.Type) string {
	name := t.String()
	if strings.ContainsRune("aeiou", rune(name[0])) { // "UTC datetime" begins with another sound
		return "an " + name
	}
	return "a " + name
}

// shorten cuts what others have written to at most n bytes, at the end of a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	n -= len(more)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + more
}

func (h *Holder) texts() []*string {
	return []*string{&h.Cluster, &h.Namespace, &h.Pod, &h.PodUID, &h.Node, &h.Job, &h.JobUID}
}

func (h *Holder) bound() { bound(h.texts()...) }

func (d *Done) bound() { bound(&d.By, &d.JobUID, &d.Outcome) }

func (h *HandOver) bound() { bound(&h.Owner, &h.How, &h.Cluster, &h.Pod) }

func bound(texts ...*string) {
	for _, s := range texts {
		*s = shorten(*s, maxText)
	}
}

// checkTexts reports what is too long to be written.
func checkTexts(owner string, h Holder) error {
	var long []string
	names := []string{"owner", "cluster", "namespace", "pod", "pod UID", "node", "job", "job UID"}
	for i, s := range append([]*string{&owner}, h.texts()...) {
		if len(*s) > maxText {
			long = append(long, fmt.Sprintf("%s has %d bytes", names[i], len(*s)))
		}
	}
	if len(long) > 0 {
		return fmt.Errorf("%s: want at most %d", strings.Join(long, ", "), maxText)
	}
	return nil
}
