package fakemongo

import (
	"bytes"
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/test/must"
)

// script is a sequence of commands; the replies of both servers are compared. Documents are plain, so nothing depends on time.
func script(coll string) []d {
	c := func(name string, fields ...e) d { return append(d{{name, coll}}, fields...) }
	up := func(q, u any, more ...e) d { return append(d{{"q", q}, {"u", u}}, more...) }
	find := func(filter d, more ...e) d {
		return c("find", append([]e{{"filter", filter}, {"sort", d{{"_id", 1}}}}, more...)...)
	}
	doc := func(id any, fields ...e) d { return append(d{{"_id", id}}, fields...) }
	all := d{}
	return []d{
		c("insert", e{"documents", a{
			doc("k1", e{"n", 1}, e{"o", d{{"x", 1}, {"y", 2}}}, e{"a", a{d{{"k", 1}, {"j", 2}}, 5}}),
			d{{"n", 2}, {"_id", "k2"}},
			doc("k3", e{"n", 3}),
			doc("a:b", e{"n", nil}),
			doc(int32(5), e{"n", 5}),
		}}),
		c("insert", e{"documents", a{doc("k1"), doc("k9")}}),
		c("insert", e{"documents", a{doc(5.0)}}),
		find(all),
		c("find", e{"filter", doc("k2")}, e{"limit", 1}),
		find(doc(d{{"$gte", "k"}, {"$lt", "l"}})),
		find(doc(d{{"$gt", "k2"}})),
		find(doc(d{{"$in", a{"k1", "k3", "nope"}}})),
		find(doc(int64(5))),
		find(d{{"n", nil}}),
		find(d{{"$or", a{doc("k1"), d{{"n", 3}}}}}),
		find(all, e{"limit", 2}),
		find(all, e{"projection", d{{"n", 0}, {"nope", 0}}}),
		c("find", e{"nonsense", 1}),
		c("find", e{"filter", 1}),
		{{"find", coll + "_absent"}},
		c("update", e{"updates", a{up(doc("k1"), d{{"$set", d{{"n", 10}}}}), up(doc("nope"), d{{"$set", d{{"n", 10}}}}), up(doc("k2"), d{{"$set", d{{"n", 2}}}})}}),
		c("update", e{"updates", a{up(d{{"n", d{{"$gte", 3}}}}, d{{"$inc", d{{"n", 1}}}}, e{"multi", true})}}),
		c("update", e{"updates", a{up(doc("k1"), d{{"$inc", d{{"o", 1}}}}), up(doc("k3"), d{{"$set", d{{"z", 1}}}})}}),
		c("update", e{"updates", a{up(d{{"n", d{{"$gte", 3}}}}, d{{"n", 1}}, e{"multi", true})}}),
		c("update", e{"updates", a{up(doc("k1"), d{{"r", 1}})}}),
		find(all),
		c("findAndModify", e{"query", doc("k1")}, e{"update", d{{"$set", d{{"n", 1}}}}}),
		c("findAndModify", e{"query", doc("k1")}, e{"update", d{{"$set", d{{"n", 2}}}}}, e{"new", true}, e{"fields", d{{"o", 0}}}),
		c("findAndModify", e{"query", doc("none")}, e{"update", d{{"$set", d{{"n", 2}}}}}, e{"new", true}),
		c("findAndModify", e{"query", doc("f1")}, e{"update", d{{"$set", d{{"n", 2}}}}}, e{"upsert", true}),
		c("findAndModify", e{"query", doc("f2")}, e{"update", d{{"$set", d{{"n", 2}}}}}, e{"upsert", true}, e{"new", true}),
		c("findAndModify", e{"query", doc("f2", e{"n", 3})}, e{"update", d{{"$set", d{{"n", 2}}}}}, e{"upsert", true}, e{"new", true}),
		c("findAndModify", e{"query", doc("f2", e{"$or", a{d{{"n", 1}}, d{{"n", 2}}}})}, e{"update", set(e{"m", "$n"})}, e{"new", true}),
		c("delete", e{"deletes", a{d{{"q", doc("k1")}, {"limit", 1}}, d{{"q", doc("k1")}, {"limit", 1}}}}),
		c("delete", e{"deletes", a{d{{"q", d{{"n", d{{"$gte", 3}}}}}, {"limit", 0}}}}),
		find(all),
		{{"noSuchCommand", 1}},
		c("delete", e{"deletes", a{d{{"q", d{}}, {"limit", 0}}}}),
		find(all),
	}
}

// TestSameCommands runs one script on both servers.
func TestSameCommands(t *testing.T) {
	fake, truth := clients(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, cmd := range script(fake.Name()) {
		var replies [2]bson.Raw
		var codes [2]int32
		for j, coll := range []*mongo.Collection{truth, fake} {
			raw, err := coll.Database().RunCommand(ctx, wide(cmd)).Raw()
			if codes[j] = codeOf(err); codes[j] < 0 {
				t.Fatal(err)
			}
			if raw == nil {
				continue
			}
			// Messages of write errors differ, the rest does not.
			var doc bson.D
			must.Do(t, bson.Unmarshal(raw, &doc))
			if errs, ok := lookup(doc, "writeErrors").(bson.A); ok {
				for k := range errs {
					errs[k] = bson.D{{Key: "index", Value: lookup(errs[k].(bson.D), "index")}, {Key: "code", Value: lookup(errs[k].(bson.D), "code")}}
				}
			}
			if codes[j] == 0 {
				replies[j], _ = encode(doc)
			}
		}
		if !sameCodes(t) && codes[0] != 0 && codes[1] != 0 {
			codes[1] = codes[0]
		}
		if codes[0] != codes[1] || !bytes.Equal(replies[0], replies[1]) {
			t.Errorf("command %d %v\nreal: code %d %v\nfake: code %d %v", i, cmd, codes[0], replies[0], codes[1], replies[1])
		}
	}
}
