package mongolock

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

// TestPlainTakesLessThanThePipeline gives both acquisitions to real servers, for thousands of documents: of every kind
// that there is, with every field of another value, type or missing, and with two or three at once. What the plain one takes the other takes as
// well, and writes the same. What is damaged for the client neither takes, what is free for it the pipeline takes, and what is not taken stays as it is.
func TestPlainTakesLessThanThePipeline(t *testing.T) { OnEachServer(t, plainTakesLess) }

func plainTakesLess(t *testing.T, s *devdb.Server) {
	t.Helper()
	client := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI)))(t)
	defer func() { _ = client.Disconnect(context.Background()) }()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	drawn := variants(t, dice)
	if s.Kind == devdb.Secantus { // it evaluates them in Python
		dice.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
		drawn = drawn[:len(drawn)/4]
	}
	a := &attempt{key: "k", nonce: "mine", mark: newMark(), owner: "me", holder: Holder{Pod: "p"}, timing: Timing{}.WithDefaults(), seen: 5}
	database := client.Database(TestDatabase)
	documents, plains := applied(t, database.Collection("plain_takes_less"), drawn, bson.D{}, a.plain())
	_, fulls := applied(t, database.Collection("plain_takes_less"), drawn, bson.D{}, a.pipeline())
	var plainly, otherwise, damaged, refused int
	for i, before := range documents {
		d, plain, full := decode(before), taken(before, plains[i]), taken(before, fulls[i])
		may := d.v == Format && d.nonce != a.nonce && d.lastNonce != a.nonce && (d.free() || d.python() && over(before))
		switch {
		case !plain && !bytes.Equal(before, plains[i]):
			t.Errorf("not taken, but %v is %v now", before, plains[i])
		case !full && !bytes.Equal(before, fulls[i]):
			t.Errorf("not taken, but %v is %v now", before, fulls[i])
		case plain && !full:
			t.Errorf("plain takes what the pipeline does not: %v", before)
		case plain && !bytes.Equal(timeless(plains[i]), timeless(fulls[i])):
			t.Errorf("plain writes %v, the pipeline %v", plains[i], fulls[i])
		case full && (d.damaged || d.v != Format):
			t.Errorf("taken, but %v: %v", d.problems, before)
		case full != may:
			t.Errorf("taken: %v, but %v for the client: %v", full, may, before)
		}
		switch {
		case plain:
			plainly++
		case full:
			otherwise++
		case d.damaged:
			damaged++
		default:
			refused++
		}
	}
	t.Logf("%d documents: %d plainly taken, %d by the pipeline alone, %d damaged, %d refused", len(documents), plainly, otherwise, damaged, refused)
	if min(plainly, otherwise, damaged, refused) < len(drawn)/50 {
		t.Error("too few of a kind")
	}
}

// TestPlainTakesWhatWeLeave: after a release, and where nothing was, one command is all there is; a document of others takes a second.
func TestPlainTakesWhatWeLeave(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	l := w.through(t, func(o *Options) { o.Timing = Timing{TTL: time.Minute}.WithDefaults() }) // no renewal is counted with them
	must.Get(w.direct.conn.current().coll.DeleteMany(t.Context(), bson.D{}))(t)
	sent := w.commands()
	for range 2 {
		lease := kept(t)(l.Try(t.Context(), "key"))
		must.Do(t, lease.Release(t.Context()))
	}
	if n := sent()["findAndModify"]; n != 4 {
		t.Errorf("%d commands, want 4: two acquisitions, two releases", n)
	}
	others := w.direct.conn.current().coll
	must.Get(others.DeleteMany(t.Context(), bson.D{}))(t)
	must.Get(others.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "python"}, {Key: "locked", Value: false}, {Key: "owner", Value: nil}, {Key: "created", Value: nil}, {Key: "expire", Value: nil}}))(t)
	sent = w.commands()
	kept(t)(l.Try(t.Context(), "python"))
	if n := sent()["findAndModify"]; n != 2 {
		t.Errorf("%d commands for a document of Python's, want 2", n)
	}
}

// applied stores the documents, applies the acquisition to each, and returns them in the same order, as they were stored
// (some servers know no type "undefined") and after it.
func applied(t *testing.T, coll *mongo.Collection, documents []bson.Raw, filter bson.D, pipeline bson.A) (before, after []bson.Raw) {
	t.Helper()
	ctx := t.Context()
	must.Get(coll.DeleteMany(ctx, bson.D{}))(t)
	t.Cleanup(func() { _ = coll.Drop(context.Background()) })
	must.Get(coll.InsertMany(ctx, documents))(t)
	before = inOrder(t, coll, len(documents))
	must.Get(coll.UpdateMany(ctx, filter, pipeline))(t)
	return before, inOrder(t, coll, len(documents))
}

func inOrder(t *testing.T, coll *mongo.Collection, want int) (all []bson.Raw) {
	t.Helper()
	found := must.Get(coll.Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}})))(t)
	must.Do(t, found.All(t.Context(), &all))
	if len(all) != want {
		t.Fatalf("%d documents, want %d", len(all), want)
	}
	return all
}

func taken(before, after bson.Raw) bool {
	nonce, _ := after.Lookup("nonce").StringValueOK()
	state, _ := after.Lookup("state").StringValueOK()
	return nonce == "mine" && state == stateHeld && !bytes.Equal(before, after)
}

// timeless is a document of an acquisition without what follows the server's clock.
func timeless(raw bson.Raw) []byte {
	var d bson.D
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil
	}
	for i, e := range d {
		switch v := e.Value.(type) {
		case bson.DateTime:
			d[i].Value = bson.DateTime(0)
		case int64:
			if e.Key == "token" && v < maxToken-2 && v > 1e12 { // it follows the clock
				d[i].Value = int64(1)
			}
		case bson.A:
			if n := len(v) - 1; e.Key == "history" && n >= 0 {
				if entry, ok := v[n].(bson.D); ok {
					for j, f := range entry {
						if f.Key == "at" || f.Key == "token" {
							entry[j].Value = nil
						}
					}
				}
			}
		}
	}
	out, err := bson.Marshal(d)
	if err != nil {
		return nil
	}
	return out
}

// over is for holders of the Python library: the clock of the server is past expire and grace.
func over(before bson.Raw) bool {
	expire, ok := before.Lookup("expire").DateTimeOK()
	return ok && time.UnixMilli(expire).Add(Timing{}.WithDefaults().Grace).Before(time.Now())
}

// variants are documents of the kinds that there are, and changed ones.
func variants(t *testing.T, dice *rand.Rand) (documents []bson.Raw) {
	t.Helper()
	past := bson.DateTime(time.Now().Add(-time.Hour).UnixMilli())
	released := bson.D{
		{Key: "locked", Value: false},
		{Key: "owner", Value: nil},
		{Key: "created", Value: nil},
		{Key: "expire", Value: nil},
		{Key: "state", Value: stateFree},
		{Key: "v", Value: int32(Format)},
		{Key: "token", Value: int64(7)},
		{Key: "lastNonce", Value: "Z"},
		{Key: "touched", Value: past},
		{Key: "history", Value: bson.A{bson.D{{Key: "owner", Value: "a"}, {Key: "token", Value: int64(7)}}}},
		{Key: "finishTry", Value: int64(1)},
	}
	kinds := []bson.D{
		released,
		append(slices.Clone(released), bson.E{Key: "purgeAt", Value: past}),
		{},
		{{Key: "locked", Value: false}, {Key: "owner", Value: nil}, {Key: "created", Value: nil}, {Key: "expire", Value: nil}},
		{{Key: "locked", Value: true}, {Key: "owner", Value: "py"}, {Key: "created", Value: past}, {Key: "expire", Value: past}},
		oursWith(nil)[1:],
		oursWith(bson.M{"state": stateDone, "expire": nil, "done": bson.D{{Key: "outcome", Value: "succeeded"}}})[1:],
	}
	fields := []string{"history", "finishTry", "note"}
	for _, f := range fieldTypes {
		fields = append(fields, f.name)
	}
	values := []any{
		nil, true, false, int32(0), int32(1), int64(0), int64(1), int64(-1), int64(maxToken), int64(maxToken - 1), int64(math.MaxInt64), 1.0, 0.0, math.NaN(), "", "x", "mine", stateFree, stateHeld, stateDone,
		bson.D{},
		bson.A{},
		bson.A{false},
		bson.A{stateFree},
		past, bson.DateTime(time.Now().Add(time.Hour).UnixMilli()),
		decimal(t, "1"), decimal(t, "NaN"), decimal(t, "1E+6000"), decimal(t, "0.99999999999999999999"), 1e300, bson.Symbol("A"), bson.Symbol(stateHeld), bson.Symbol(stateFree), decimal(t, "-Infinity"), decimal(t, "4"),
		bson.A{"A"},
		bson.A{stateHeld},
		bson.A{int64(4)},
		bson.A{true},
		bson.A{nil},
		bson.A{int32(1)},
		bson.Undefined{},
		bson.Regex{Pattern: "x"},
		bson.Binary{},
		bson.MinKey{},
		bson.MaxKey{},
		bson.Timestamp{T: 1},
		missing{},
	}
	add := func(d bson.D) {
		raw := must.Get(bson.Marshal(append(bson.D{{Key: "_id", Value: fmt.Sprintf("k%06d", len(documents))}}, d...)))(t)
		documents = append(documents, raw)
	}
	for _, kind := range kinds {
		add(kind)
		for _, name := range fields {
			for _, value := range values {
				add(with(kind, name, value))
			}
		}
	}
	for range 2000 {
		d := kinds[dice.IntN(len(kinds))]
		for range 2 + dice.IntN(2) {
			d = with(d, fields[dice.IntN(len(fields))], values[dice.IntN(len(values))])
		}
		add(d)
	}
	return documents
}

func decimal(t *testing.T, s string) bson.Decimal128 {
	t.Helper()
	d := must.Get(bson.ParseDecimal128(s))(t)
	return d
}

// missing is the value of a field that is not there.
type missing struct{}

func with(d bson.D, name string, value any) bson.D {
	d = slices.Clone(d)
	at := slices.IndexFunc(d, func(e bson.E) bool { return e.Key == name })
	switch {
	case value == any(missing{}) && at >= 0:
		return slices.Delete(d, at, at+1)
	case value == any(missing{}):
		return d
	case at < 0:
		return append(d, bson.E{Key: name, Value: value})
	default:
		d[at].Value = value
		return d
	}
}
