package fakemongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/must"
)

// outcome is what a server made of a case.
type outcome struct {
	Code   int32    // 0: no error
	Answer bson.Raw // what findAndModify returned
	Stored bson.Raw // what is stored afterwards
	err    error
}

func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	return fmt.Sprintf("%v\n stored %v", o.Answer, o.Stored)
}

func codeOf(err error) int32 {
	var ce mongo.CommandError
	var we mongo.WriteException
	switch {
	case err == nil, errors.Is(err, mongo.ErrNoDocuments):
		return 0
	case errors.As(err, &ce):
		return ce.Code
	case errors.As(err, &we) && len(we.WriteErrors) > 0:
		return int32(we.WriteErrors[0].Code)
	}
	return -1
}

func try(ctx context.Context, t *testing.T, coll *mongo.Collection, id string, c sameCase) (o outcome) {
	t.Helper()
	must.Get(coll.DeleteOne(ctx, bson.D{{Key: "_id", Value: id}}))(t)
	if c.doc != nil {
		must.Get(coll.InsertOne(ctx, wide(append(d{{"_id", id}}, c.doc...))))(t)
	}
	command := d{
		{"findAndModify", coll.Name()},
		{"query", append(d{{"_id", id}}, c.filter...)},
		{"update", c.update},
		{"upsert", c.upsert},
		{"new", true},
	}
	raw, err := coll.Database().RunCommand(ctx, wide(command)).Raw()
	o.Code, o.err = codeOf(err), err
	if o.Code < 0 {
		t.Fatal(err)
	}
	if o.Code == 0 {
		o.Answer = must.Get(bson.Marshal(bson.D{{Key: "value", Value: raw.Lookup("value")}, {Key: "last", Value: raw.Lookup("lastErrorObject")}}))(t)
	}
	o.Stored, err = coll.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	if codeOf(err) != 0 {
		t.Fatal(err)
	}
	return o
}

// same compares two outcomes to the byte; with a tolerance, dates and int64 that lie that close are equal.
func same(x, y outcome, tolerance int64) bool {
	return x.Code == y.Code && sameRaw(x.Answer, y.Answer, tolerance) && sameRaw(x.Stored, y.Stored, tolerance)
}

func sameRaw(x, y bson.Raw, tolerance int64) bool {
	if tolerance == 0 || len(x) != len(y) || x == nil {
		return bytes.Equal(x, y)
	}
	a, errA := x.Elements()
	b, errB := y.Elements()
	if errA != nil || errB != nil || len(a) != len(b) {
		return false
	}
	for i := range a {
		v, w := a[i].Value(), b[i].Value()
		if a[i].Key() != b[i].Key() || v.Type != w.Type {
			return false
		}
		switch v.Type {
		case bson.TypeDateTime:
			if near := v.DateTime() - w.DateTime(); near > tolerance || near < -tolerance {
				return false
			}
		case bson.TypeInt64:
			if near := v.Int64() - w.Int64(); near > tolerance || near < -tolerance {
				return false
			}
		case bson.TypeEmbeddedDocument, bson.TypeArray:
			if !sameRaw(bson.Raw(v.Value), bson.Raw(w.Value), tolerance) {
				return false
			}
		default:
			if !bytes.Equal(v.Value, w.Value) {
				return false
			}
		}
	}
	return true
}

// clients returns the same collection on the fake and on a real server.
func clients(t *testing.T) (fake, truth *mongo.Collection) {
	t.Helper()
	server := must.Get(realServer())(t)
	name := fmt.Sprintf("fakemongo_%d", os.Getpid())
	c := New(Options{})
	t.Cleanup(c.Close)
	connect := func(o *options.ClientOptions) *mongo.Collection {
		client := must.Get(mongo.Connect(o))(t)
		db := client.Database(name)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := errors.Join(db.Drop(ctx), client.Disconnect(ctx)); err != nil {
				t.Error(err)
			}
		})
		return db.Collection("cases")
	}
	return connect(c.ClientOptions(0)), connect(options.Client().ApplyURI(server.URI))
}

// TestSameAsTheRealServer runs every case on both and compares.
func TestSameAsTheRealServer(t *testing.T) {
	fake, truth := clients(t)
	var cases []sameCase
	for _, x := range expressions {
		cases = append(cases, sameCase{doc: rich(), update: set(e{"l", x}, e{"out", x}, e{"after", "$i"})})
	}
	for _, u := range updates {
		cases = append(cases, sameCase{doc: rich(), update: u}, sameCase{update: u, upsert: true})
	}
	for _, f := range filters {
		cases = append(cases, sameCase{doc: rich(), filter: f, update: set(e{"matched", true})})
	}
	for _, c := range upserts {
		c.upsert = true
		cases = append(cases, c)
	}
	cases = append(cases, protocolCases(t)...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	bad, refused := 0, 0
	for i, c := range cases {
		id := fmt.Sprintf("case%d", i)
		want, got := try(ctx, t, truth, id, c), try(ctx, t, fake, id, c)
		tolerance := int64(0)
		if strings.Contains(fmt.Sprint(c.update), "$$NOW") {
			tolerance = 10_000
		}
		if got.Code != 0 {
			refused++
		}
		if !sameCodes(t) && want.Code != 0 && got.Code != 0 {
			want.Code, got.Code = 1, 1
		}
		if !same(want, got, tolerance) {
			bad++
			t.Errorf("case %d %s\n doc %v filter %v upsert %t\n update %v\nreal: %v\nfake: %v", i, c.name, c.doc != nil, c.filter, c.upsert, c.update, want, got)
		}
	}
	t.Logf("%d cases, %d of them refused by the server, %d differ", len(cases), refused, bad)
}
