package mongolock

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/must"
)

// in is a Locker on a collection of its own, made by the test.
func in(t *testing.T, name string, create bson.D) *Locker {
	t.Helper()
	w := newWire(t, sharedServer(t, 0))
	l := w.through(t, func(o *Options) { o.Collection = name })
	if create != nil {
		db := l.conn.current().coll.Database()
		_ = db.Collection(name).Drop(t.Context())
		if err := db.RunCommand(t.Context(), append(bson.D{{Key: "create", Value: name}}, create...)).Err(); err != nil {
			t.Skipf("this server makes no such collection: %v", err)
		}
		t.Cleanup(func() { _ = db.Collection(name).Drop(t.Context()) })
	}
	return l
}

// TestUnsuitableCollections: whatever breaks "one key, one document, forever" is found, before a lock is taken and by the doctor.
func TestUnsuitableCollections(t *testing.T) {
	for name, c := range map[string]struct {
		create bson.D
		want   string
	}{
		"ordinary":  {bson.D{}, ""},
		"capped":    {bson.D{{Key: "capped", Value: true}, {Key: "size", Value: 1 << 20}, {Key: "max", Value: 3}}, "is capped"},
		"collation": {bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}, {Key: "strength", Value: 2}}}}, "collation"},
		"numeric":   {bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}, {Key: "numericOrdering", Value: true}}}}, "collation"},
		"simple":    {bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "simple"}}}}, ""},
		"view":      {bson.D{{Key: "viewOn", Value: "other"}, {Key: "pipeline", Value: bson.A{}}}, "is a view"},
		"series":    {bson.D{{Key: "timeseries", Value: bson.D{{Key: "timeField", Value: "at"}}}}, "is a timeseries"},
		"clustered": {bson.D{{Key: "clusteredIndex", Value: bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}}}, ""},
		"ageing":    {bson.D{{Key: "clusteredIndex", Value: bson.D{{Key: "key", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "unique", Value: true}}}, {Key: "expireAfterSeconds", Value: int64(60)}}, "by age"},
	} {
		t.Run(name, func(t *testing.T) {
			l := in(t, "unsuitable-"+name, c.create)
			err := l.Suitable(t.Context())
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrCollection) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if name == "view" || name == "series" {
				return // the doctor cannot write its fingerprint there, and says so
			}
			s := must.Get(l.Check(t.Context()))(t)
			found := false
			for _, f := range s.Findings {
				found = found || f.Fatal && strings.Contains(f.Message, c.want)
			}
			if found != (c.want != "") {
				t.Errorf("doctor finds %+v, want %q", s.Findings, c.want)
			}
		})
	}
}

// TestUnsuitableIsSeenByReading: without the right to list anything, as with the least role.
func TestUnsuitableIsSeenByReading(t *testing.T) {
	for name, c := range map[string]struct {
		create bson.D
		want   string
	}{
		"ordinary":  {bson.D{}, ""},
		"capped":    {bson.D{{Key: "capped", Value: true}, {Key: "size", Value: 1 << 20}}, "is capped"},
		"collation": {bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}, {Key: "strength", Value: 1}}}}, "collation"},
	} {
		t.Run(name, func(t *testing.T) {
			l := in(t, "reading-"+name, c.create)
			must.Get(l.Store(t.Context()))(t)
			var found []string
			err := l.tryOptions(t.Context(), func(fatal bool, _, format string, _ ...any) {
				if fatal {
					found = append(found, format)
				}
			})
			if err != nil || (len(found) > 0) != (c.want != "") || c.want != "" && !strings.Contains(found[0], c.want) {
				t.Errorf("%q, %v; want %q", found, err, c.want)
			}
		})
	}
}

func TestUnsuitableIndexes(t *testing.T) {
	one := bson.D{{Key: "expire", Value: 1}}
	for name, c := range map[string]struct {
		key    bson.D
		o      *options.IndexOptionsBuilder
		want   string
		spares bool
	}{
		"ours":                           {bson.D{{Key: "purgeAt", Value: 1}}, options.Index().SetExpireAfterSeconds(0), "", true},
		"ours, partial":                  {bson.D{{Key: "purgeAt", Value: 1}}, options.Index().SetExpireAfterSeconds(5).SetPartialFilterExpression(bson.D{{Key: "state", Value: "done"}}), "", true},
		"ttl of expire":                  {one, options.Index().SetExpireAfterSeconds(0), "another field", false},
		"ttl of expire, of what is held": {one, options.Index().SetExpireAfterSeconds(0).SetPartialFilterExpression(bson.D{{Key: "state", Value: "held"}}), "another field", false},
		"ttl of expire, of what is done": {one, options.Index().SetExpireAfterSeconds(0).SetPartialFilterExpression(bson.D{{Key: "state", Value: "done"}}), "not held", true},
		"ttl of touched":                 {bson.D{{Key: "touched", Value: 1}}, options.Index().SetExpireAfterSeconds(3600), "another field", false},
		"ours, and unique":               {bson.D{{Key: "purgeAt", Value: 1}}, options.Index().SetExpireAfterSeconds(0).SetUnique(true), "is unique", false},
		"unique owner":                   {bson.D{{Key: "owner", Value: 1}}, options.Index().SetUnique(true), "is unique", false},
		"an ordinary one":                {bson.D{{Key: "owner", Value: 1}}, options.Index(), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			l := in(t, "indexed", bson.D{})
			coll := l.conn.current().coll
			if _, err := coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: c.key, Options: c.o}); err != nil {
				t.Skipf("this server makes no such index: %v", err)
			}
			if err := l.Suitable(t.Context()); (err == nil) != c.spares || !c.spares && (!errors.Is(err, ErrCollection) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestIndexThatIsToBecomeUnique: collMod makes an index refuse what a unique one would, on its way to one (MongoDB 6.0).
func TestIndexThatIsToBecomeUnique(t *testing.T) {
	for _, field := range []string{"owner", "purgeAt"} {
		raw := must.Get(bson.Marshal(bson.D{{Key: "name", Value: "x"}, {Key: "key", Value: bson.D{{Key: field, Value: 1}}}, {Key: "prepareUnique", Value: true}}))(t)
		var found []string
		judgeIndex(raw, func(fatal bool, _, format string, args ...any) {
			if fatal {
				found = append(found, fmt.Sprintf(format, args...))
			}
		})
		if len(found) != 1 || !strings.Contains(found[0], "is unique") {
			t.Errorf("%s: %q", field, found)
		}
	}
}

// TestUniqueIndexIsRefusedAtOnce: its E11000 is not that of a race of first inserts.
func TestUniqueIndexIsRefusedAtOnce(t *testing.T) {
	l := in(t, "unique", bson.D{})
	if _, err := l.conn.current().coll.Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "owner", Value: 1}}, Options: options.Index().SetUnique(true)}); err != nil {
		t.Skip(err)
	}
	kept(t)(l.Try(t.Context(), "one", TTL(time.Minute)))
	began := time.Now()
	if _, err := l.Acquire(t.Context(), "two", TTL(time.Minute)); err == nil || !strings.Contains(err.Error(), "owner") {
		t.Errorf("%v, want the index", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("after %v", took)
	}
}

// TestKeysThatACollationTakesForOne: the second is refused, and leaves the first as it is, held or free.
func TestKeysThatACollationTakesForOne(t *testing.T) {
	l := in(t, "collated", bson.D{{Key: "collation", Value: bson.D{{Key: "locale", Value: "en"}, {Key: "strength", Value: 2}}}})
	lease := kept(t)(l.Try(t.Context(), "Team/Report", TTL(time.Minute)))
	calls := map[string]func(string) error{
		"try":     func(k string) error { _, err := l.Try(t.Context(), k); return err },
		"acquire": func(k string) error { _, err := l.Acquire(t.Context(), k); return err },
		"alone":   func(k string) error { _, err := l.AcquireAlone(t.Context(), k, "x"); return err },
		"info":    func(k string) error { _, err := l.Info(t.Context(), k); return err },
		"locked":  func(k string) error { _, err := l.IsLocked(t.Context(), k); return err },
		"revoke":  func(k string) error { _, err := l.Revoke(t.Context(), k); return err },
	}
	for name, call := range calls {
		if err := call("team/report"); !errors.Is(err, ErrCollection) {
			t.Errorf("%s: %v, want ErrCollection", name, err)
		}
	}
	if list, err := l.List(t.Context(), "team", 0); err != nil || len(list) != 0 {
		t.Errorf("listed %+v, %v", list, err)
	}
	if list, err := l.List(t.Context(), "Team", 0); err != nil || len(list) != 1 {
		t.Errorf("listed %+v, %v", list, err)
	}
	if _, err := l.ForceReleaseNow(t.Context(), "team/report"); err == nil {
		t.Error("forced")
	}
	if d, err := l.read(t.Context(), "Team/Report"); err != nil || d.revoked != "" || !d.Locked {
		t.Errorf("the other key's document was changed: %+v, %v", d, err)
	}
	must.Do(t, lease.Release(t.Context()))
	if _, err := l.Try(t.Context(), "team/report"); !errors.Is(err, ErrCollection) {
		t.Errorf("free: %v", err)
	}
	kept(t)(l.Try(t.Context(), "Team/Report"))
}
