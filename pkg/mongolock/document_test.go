package mongolock

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

func encode(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	raw := must.Get(bson.Marshal(d))(t)
	return raw
}

// oursWith is a document that is held, with changed fields; nil removes one.
func oursWith(change bson.M) bson.D {
	var out bson.D
	for _, f := range (bson.D{
		{Key: "_id", Value: "k"},
		{Key: "locked", Value: true},
		{Key: "owner", Value: "a"},
		{Key: "created", Value: bson.DateTime(1e12)},
		{Key: "expire", Value: bson.DateTime(2e12)},
		{Key: "v", Value: int32(1)},
		{Key: "state", Value: "held"},
		{Key: "nonce", Value: "A"},
		{Key: "beat", Value: int64(4)},
		{Key: "token", Value: int64(7)},
		{Key: "ttlMs", Value: int64(30000)},
		{Key: "graceMs", Value: int64(5000)},
		{Key: "touched", Value: bson.DateTime(1e12)},
		{Key: "holder", Value: bson.D{{Key: "pod", Value: "p"}}},
		{Key: "lastNonce", Value: "Z"},
		{Key: "history", Value: bson.A{bson.D{{Key: "owner", Value: "a"}, {Key: "token", Value: int64(7)}}}},
		{Key: "done", Value: nil},
		{Key: "revoked", Value: nil},
		{Key: "purgeAt", Value: nil},
	}) {
		v, changed := change[f.Key]
		if !changed {
			v = f.Value
		}
		if v != nil {
			out = append(out, bson.E{Key: f.Key, Value: v})
		}
	}
	return out
}

func TestDecodeListsWhatItCouldNotRead(t *testing.T) {
	whole := decode(encode(t, oursWith(nil)))
	if len(whole.problems) > 0 || !whole.ours() || whole.silence() != 35*time.Second || whole.Holder.Pod != "p" || len(whole.History) != 1 {
		t.Fatalf("%+v", whole)
	}
	for field, bad := range map[string]any{
		"locked": "yes", "owner": int32(1), "created": "1999-01-01", "expire": int64(1), "v": "1", "state": int32(0), "nonce": bson.A{},
		"beat": 4.0, "token": "7", "ttlMs": 30000.0, "graceMs": true, "touched": "now", "holder": "p", "lastNonce": int32(1),
		"history": "x", "revoked": true, "purgeAt": int64(1), "_id": int32(5), "done": bson.D{{Key: "at", Value: "yesterday"}},
	} {
		d := decode(encode(t, oursWith(bson.M{field: bad})))
		if !slices.ContainsFunc(d.problems, func(p string) bool { return strings.HasPrefix(p, field+" ") }) {
			t.Errorf("%s as %T: problems %q do not name it", field, bad, d.problems)
		}
	}
	// Null counts as missing, as the Python library writes it.
	for _, field := range []string{"owner", "created", "expire", "touched", "holder", "history", "done", "revoked", "purgeAt"} {
		if d := decode(encode(t, oursWith(bson.M{field: bson.Null{}}))); len(d.problems) > 0 {
			t.Errorf("%s null: %q", field, d.problems)
		}
	}
}

// TestP3_NumbersThatCannotBeComputedWith: a holder whose numbers are missing,
// no integers or out of range is never replaced, and it is said so.
func TestP3_NumbersThatCannotBeComputedWith(t *testing.T) {
	for _, field := range []string{"ttlMs", "graceMs", "beat"} {
		for _, v := range []any{nil, bson.Null{}, "1", 1.5, bson.NewDecimal128(0, 1)} {
			d := decode(encode(t, oursWith(bson.M{field: v})))
			if d.silence() != 0 || !slices.ContainsFunc(d.problems, func(p string) bool { return strings.Contains(p, "nobody may ever take it over") }) {
				t.Errorf("%s = %v: silence %v, problems %q", field, v, d.silence(), d.problems)
			}
		}
	}
	for _, ms := range []int64{math.MaxInt64, math.MinInt64, -1, math.MaxInt64 / 1000000, math.MaxInt64/1000000 + 1, 1 << 44, 18446744073710} {
		for _, field := range []string{"ttlMs", "graceMs"} {
			d := decode(encode(t, oursWith(bson.M{field: ms})))
			if s := d.silence(); s != 0 {
				t.Errorf("%s = %d: silence %v, want never", field, ms, s)
			}
		}
	}
	if d := decode(encode(t, oursWith(bson.M{"graceMs": int64(0)}))); d.silence() != 30*time.Second {
		t.Errorf("a grace of zero: %v", d.silence())
	}
}

func TestDecodePython(t *testing.T) {
	for name, c := range map[string]struct {
		doc    bson.D
		python bool
		state  string
	}{
		"held":     {bson.D{{Key: "_id", Value: "k"}, {Key: "locked", Value: true}, {Key: "owner", Value: "w"}, {Key: "created", Value: bson.DateTime(1)}, {Key: "expire", Value: bson.DateTime(2)}}, true, stateHeld},
		"forever":  {bson.D{{Key: "_id", Value: "k"}, {Key: "locked", Value: true}, {Key: "owner", Value: "w"}, {Key: "created", Value: bson.DateTime(1)}, {Key: "expire", Value: nil}}, true, stateHeld},
		"released": {bson.D{{Key: "_id", Value: "k"}, {Key: "locked", Value: false}, {Key: "owner", Value: nil}, {Key: "created", Value: nil}, {Key: "expire", Value: nil}}, false, stateFree},
	} {
		d := decode(encode(t, c.doc))
		if len(d.problems) > 0 || d.python() != c.python || d.State != c.state || d.ours() {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// FuzzDecode: no bytes make it panic, and what it reads can be used by every rule and shown to people.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(encode(f, oursWith(nil))))
	f.Add([]byte(encode(f, oursWith(bson.M{"done": bson.D{{Key: "at", Value: bson.DateTime(0)}}, "state": "done"}))))
	f.Add([]byte(encode(f, oursWith(bson.M{"holder": "x", "history": bson.A{int32(1), "x"}}))))
	f.Add([]byte{5, 0, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) { usable(t, decode(bson.Raw(raw))) })
}

// FuzzDecodeField puts any value of any type into one field of a document that is right otherwise.
func FuzzDecodeField(f *testing.F) {
	for i := range 19 {
		f.Add(uint8(i), byte(bson.TypeString), []byte{2, 0, 0, 0, 'x', 0})
		f.Add(uint8(i), byte(bson.TypeInt64), []byte{0, 0, 0, 0, 0, 0, 0, 0x80})
		f.Add(uint8(i), byte(bson.TypeDateTime), []byte{255, 255, 255, 255, 255, 255, 255, 0x7f})
		f.Add(uint8(i), byte(bson.TypeNull), []byte{})
	}
	f.Fuzz(func(t *testing.T, field uint8, kind byte, value []byte) {
		doc := oursWith(bson.M{"done": bson.D{}, "revoked": "A", "purgeAt": bson.DateTime(0)})
		doc[int(field)%len(doc)].Value = bson.RawValue{Type: bson.Type(kind), Value: value}
		raw, err := bson.Marshal(doc)
		if err != nil {
			return // not to be stored
		}
		usable(t, decode(raw))
	})
}

func usable(t *testing.T, d *document) {
	t.Helper()
	if s := d.silence(); s < 0 || s > 2*maxSpan || s > 0 && (s < d.ttl || s < d.grace) {
		t.Errorf("silence %v of ttl %v and grace %v", s, d.ttl, d.grace)
	}
	if d.State == "" {
		t.Error("no state")
	}
	if d.ours() && d.python() {
		t.Error("ours and Python's at once")
	}
	w, _ := newWatch()
	w.saw("k", d)
	w.ripe("k")
	_ = d.heldLine()
	_ = (&DoneError{Info: d.Info}).Error()
	if _, err := json.Marshal(d.Info); err != nil && !strings.Contains(err.Error(), "year outside") {
		t.Error(err)
	}
}

// TestHolderIsReadAsTheDriverReadsIt: the plain one, and whatever else may stand there.
func TestHolderIsReadAsTheDriverReadsIt(t *testing.T) {
	whole := Holder{"east", "ns", "pod-0", "uid-0", "node", "job", "uid-1"}
	for name, c := range map[string]struct {
		stored any
		good   bool
	}{
		"whole":           {whole, true},
		"nothing":         {bson.D{}, true},
		"some":            {Holder{Pod: "p", JobUID: "ö\x00ü"}, true},
		"null":            {bson.D{{Key: "pod", Value: nil}, {Key: "node", Value: "n"}}, true},
		"other fields":    {bson.D{{Key: "later", Value: bson.A{1}}, {Key: "node", Value: "n"}}, true},
		"other names":     {bson.D{{Key: "nod", Value: "x"}, {Key: "", Value: "y"}, {Key: "node", Value: "n"}}, true},
		"empty and again": {bson.D{{Key: "node", Value: ""}, {Key: "pod", Value: "p"}}, true},
		"a number":        {bson.D{{Key: "node", Value: 7}}, false},
		"a document":      {bson.D{{Key: "pod", Value: "p"}, {Key: "node", Value: bson.D{}}}, false},
		"no document":     {"east", false},
	} {
		raw := must.Get(bson.Marshal(bson.D{{Key: "_id", Value: "k"}, {Key: "holder", Value: c.stored}}))(t)
		var want Holder
		if err := bson.Raw(raw).Lookup("holder").Unmarshal(&want); (err == nil) != c.good {
			t.Fatalf("%s: the driver says %v", name, err)
		}
		d := decode(raw)
		if bad := len(d.problems) > 0; bad == c.good || c.good && d.Holder != want {
			t.Errorf("%s: %+v, want %+v; %v", name, d.Holder, want, d.problems)
		}
	}
}
