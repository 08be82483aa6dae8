package mongolock

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

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
