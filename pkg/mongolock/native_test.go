package mongolock

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestStepsInGoAreThePipelines applies every change to documents of all shapes, by its pipeline on the server and in Go.
func TestStepsInGoAreThePipelines(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	coll := w.direct.conn.current().coll.Database().Collection("native")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	documents := variants(t, rand.New(rand.NewPCG(seed, 0)))
	for i, doc := range documents { // what a lease writes has a mark
		if i%8 != 0 && doc.Lookup("mark").Type == 0 {
			documents[i] = marshal(append(elements(doc), bson.E{Key: "mark", Value: int64(4)}))
		}
	}
	for _, far := range []int64{math.MaxInt64, math.MinInt64} { // of which no grace can be added, or taken
		for _, name := range []string{"expire", "created", "touched", "purgeAt"} {
			for _, kind := range []bson.D{{{Key: "locked", Value: true}, {Key: "owner", Value: "py"}}, oursWith(nil)[1:]} {
				d := with(kind, name, bson.DateTime(far))
				documents = append(documents, marshal(append(bson.D{{Key: "_id", Value: fmt.Sprintf("k%06d", len(documents))}}, d...)))
			}
		}
	}
	now := time.Now().Truncate(time.Millisecond)
	for _, c := range everyChange() {
		filter, ok := c.Filter.(bson.D)
		if !ok || filter[0].Key != "_id" {
			t.Fatalf("%s: the filter is %v", c.name, c.Filter)
		}
		before, after := applied(t, coll, documents, filter[1:], at(t, c.Pipeline, now))
		changed, wrong := 0, 0
		for i, doc := range before {
			want := doc
			if next, applies := c.Apply(doc, now); applies {
				want = next
			}
			if !bytes.Equal(doc, after[i]) {
				changed++
			}
			if !bytes.Equal(want, after[i]) {
				if wrong++; wrong < 4 {
					t.Errorf("%s of %v:\nby the server %v\nin Go         %v", c.name, doc, after[i], want)
				}
			}
		}
		t.Logf("%s: %d of %d documents changed, %d otherwise in Go", c.name, changed, len(before), wrong)
		if changed < 20 {
			t.Errorf("%s changes %d documents only", c.name, changed)
		}
	}
}

type namedChange struct {
	name string
	Change
}

// everyChange is one of each, and more of those that look at much.
func everyChange() []namedChange {
	timing := Timing{}.WithDefaults()
	a := &attempt{key: "k", nonce: "mine", mark: 5, owner: "me", holder: Holder{Cluster: "c", Pod: "p", JobUID: "U"}, timing: timing, seen: 3}
	whole := *a
	whole.adopt, whole.watched = []string{"x", "A"}, &beatOf{nonce: "x", beat: 1}
	again, watcher := *a, *a
	again.holder = Holder{JobUID: "x"}
	watcher.watched = &beatOf{nonce: "A", beat: 4}
	release := &ending{nonce: "A", try: 2, known: []int64{1, 4}}
	done := &ending{nonce: "A", try: 1, known: []int64{1, 4, 9}, purge: time.Hour, done: &Done{By: "me", JobUID: "U", Outcome: outcomeFailed}}
	earlier := &ending{nonce: "Z", try: 3, known: []int64{1}}
	return []namedChange{
		{"plain", Change{Filter: byID("k"), Pipeline: a.plain(), step: (*plainAttempt)(a)}},
		{"acquire", Change{Filter: byID("k"), Pipeline: a.pipeline(), step: a}},
		{"adopt", Change{Filter: byID("k"), Pipeline: whole.pipeline(), step: &whole}},
		{"take over", Change{Filter: byID("k"), Pipeline: watcher.pipeline(), step: &watcher}},
		{"again", Change{Filter: byID("k"), Pipeline: again.pipeline(), step: &again}},
		{"renew", renewalOf("A", timing, 5, 6, 1, 4, 7)},
		{"renew late", renewalOf("A", timing, 2, 6, 7)},
		{"release", Change{Filter: release.filter("k"), Pipeline: release.pipeline(), step: release}},
		{"done", Change{Filter: done.filter("k"), Pipeline: done.pipeline(), step: done}},
		{"release again", Change{Filter: earlier.filter("k"), Pipeline: earlier.pipeline(), step: earlier}},
		{"disown", disowning{"A"}.change("k", time.Second)},
		{"revoke", revoking{}.change("k", time.Second)},
		{"free", freeing{}.change("k", time.Second)},
	}
}

// FuzzApply: whatever a store has kept, a change in Go comes to its end, and makes BSON of BSON.
func FuzzApply(f *testing.F) {
	f.Add([]byte(encode(f, oursWith(nil))))
	f.Add([]byte(encode(f, oursWith(bson.M{"state": stateDone, "done": bson.D{{Key: "outcome", Value: outcomeFailed}, {Key: "jobUID", Value: "x"}}}))))
	f.Add([]byte(encode(f, bson.D{{Key: "_id", Value: "k"}, {Key: "locked", Value: false}, {Key: "history", Value: bson.A{int32(1), bson.A{}}}})))
	whole := []byte(encode(f, bson.D{{Key: "_id", Value: "k"}, {Key: "locked", Value: false}, {Key: "state", Value: stateHeld}, {Key: "nonce", Value: "A"}}))
	f.Add(append(whole[:bytes.Index(whole, []byte("state"))-1], 99)) // what follows cannot be read, and is not missing
	f.Add([]byte{5, 0, 0, 0, 0})
	f.Add([]byte{})
	changes := append(everyChange(), namedChange{"made by nobody", Change{Key: "k", Upsert: true}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc := bson.Raw(bytes.Clone(raw))
		for _, c := range changes {
			next, applies := c.Apply(doc, time.Now())
			switch {
			case !bytes.Equal(doc, raw):
				t.Fatalf("%s has written into what it was given", c.name)
			case applies && doc.Validate() == nil && next.Validate() != nil:
				t.Errorf("%s makes %x of %x", c.name, []byte(next), raw)
			case applies && len(doc) > 0 && doc.Validate() != nil && !bytes.Equal(next, doc):
				t.Errorf("%s makes %v of %x, which is no BSON", c.name, next, raw)
			}
		}
	})
}

func renewalOf(nonce string, timing Timing, beat, mark int64, known ...int64) Change {
	r := &renewal{nonce: nonce, timing: timing, beat: beat, mark: mark, known: known}
	return Change{Filter: held("k", nonce), Pipeline: r.pipeline(), step: r}
}

// at is a pipeline as of an instant: the server's own time is put into it.
func at(t *testing.T, pipeline any, now time.Time) bson.A {
	t.Helper()
	_, data, err := bson.MarshalValue(pipeline)
	var a bson.A
	if err == nil {
		err = bson.UnmarshalValue(bson.TypeArray, data, &a)
	}
	if err != nil {
		t.Fatal(err)
	}
	var dated func(v any) any
	dated = func(v any) any {
		switch v := v.(type) {
		case bson.D:
			for i := range v {
				v[i].Value = dated(v[i].Value)
			}
		case bson.A:
			for i := range v {
				v[i] = dated(v[i])
			}
		case string:
			if v == "$$NOW" {
				return bson.NewDateTimeFromTime(now)
			}
		}
		return v
	}
	return dated(a).(bson.A)
}
