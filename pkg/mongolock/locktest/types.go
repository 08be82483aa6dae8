package locktest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// values are one or more of every type that a field may turn out to have.
func values() []any {
	return []any{
		bson.Null{},
		true, false, int32(0), int32(1), int64(0), int64(1), int64(-1), int64(1 << 62), int64(math.MaxInt64), int64(math.MinInt64),
		0.0, 1.0, 9e15, math.NaN(), math.Inf(1), bson.NewDecimal128(0, 1),
		"", "yes", "held", bson.DateTime(0),
		bson.D{},
		bson.D{{Key: "x", Value: int32(1)}},
		bson.A{},
		bson.A{"held"},
		bson.Binary{Data: []byte{1}},
		bson.NewObjectID(),
		bson.Regex{Pattern: "x"},
		bson.Timestamp{T: 1},
		bson.MinKey{},
		bson.MaxKey{},
	}
}

// legal says which of them are values of a field, beside what the document had. It is not made of the table that the
// lock has: it stands against it.
func legal(base, field string, v any) bool {
	kind := fmt.Sprintf("%T", v)
	in := func(kinds ...string) bool { return slices.Contains(kinds, kind) }
	switch field {
	case "locked":
		return in("bool")
	case "twin":
		return in("bool", "bson.Null")
	case "owner", "lastNonce", "revoked":
		return in("string", "bson.Null")
	case "created", "expire", "touched", "purgeAt":
		return in("bson.DateTime", "bson.Null")
	case "ttlMs", "graceMs", "beat", "mark":
		return in("int32", "int64", "bson.Null")
	case "token":
		n, ok := v.(int64)
		return ok && n >= 0 && n < 1<<62 || in("int32")
	case "holder", "done":
		return in("bson.D", "bson.Null")
	case "v":
		return v == any(int32(1)) || v == any(int64(1)) || in("bson.Null")
	}
	// None of these but "held" is a state, and then there is no nonce beside it. A nonce without a state is no value, but
	// what is free or done by its state may have kept one.
	return field == "nonce" && (base == "free" || base == "failed earlier") && in("string") && v != any("")
}

// every keeps the suite short: the fields that decide meet every value once, and all fields some everywhere.
func every(base, field string) int {
	switch {
	case base != "free":
		return 6
	case slices.Contains([]string{"locked", "state", "token", "nonce", "v", "expire"}, field):
		return 1
	}
	return 3
}

// within ends with the test, or after d: a call that asks again and again is not waited for.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// wrongTypes puts every type into every field of documents that may be taken otherwise. What is no value is never read
// as one: the key is not free, the token not zero, and every call leaves the document as it is and says so.
func (s *suite) wrongTypes(t *testing.T) {
	l := s.locker(t, "b", job("J"))
	past := bson.NewDateTimeFromTime(time.Now().Add(-time.Hour))
	bases := map[string]bson.D{
		"free":           {{Key: "locked", Value: false}, {Key: "owner", Value: nil}, {Key: "created", Value: nil}, {Key: "expire", Value: nil}, {Key: "state", Value: "free"}, {Key: "v", Value: int32(1)}, {Key: "token", Value: int64(7)}, {Key: "lastNonce", Value: "L"}, {Key: "touched", Value: past}, {Key: "history", Value: bson.A{}}},
		"python, free":   {{Key: "locked", Value: false}, {Key: "owner", Value: nil}, {Key: "created", Value: nil}, {Key: "expire", Value: nil}},
		"python, ended":  {{Key: "locked", Value: true}, {Key: "owner", Value: "w"}, {Key: "created", Value: past}, {Key: "expire", Value: past}},
		"failed earlier": {{Key: "locked", Value: true}, {Key: "owner", Value: "w"}, {Key: "created", Value: past}, {Key: "expire", Value: nil}, {Key: "state", Value: "done"}, {Key: "v", Value: int32(1)}, {Key: "token", Value: int64(7)}, {Key: "lastNonce", Value: "L"}, {Key: "done", Value: bson.D{{Key: "at", Value: past}, {Key: "by", Value: "w"}, {Key: "jobUID", Value: "J"}, {Key: "outcome", Value: "failed"}}}},
	}
	fields := []string{"locked", "owner", "created", "expire", "v", "state", "nonce", "lastNonce", "revoked", "twin", "beat", "mark", "token", "ttlMs", "graceMs", "touched", "holder", "done", "purgeAt"}
	n := 0
	for base, doc := range bases {
		for _, field := range fields {
			for i, v := range values() {
				if legal(base, field, v) || i%every(base, field) != 0 {
					continue
				}
				n++
				key := fmt.Sprintf("type-%s-%s-%d", base, field, i)
				put := bson.D{{Key: "_id", Value: key}}
				for _, e := range doc {
					if e.Key != field {
						put = append(put, e)
					}
				}
				s.insert(t, append(put, bson.E{Key: field, Value: v}))
				before := s.raw(t, key)
				var f *mongolock.FormatError
				lease, err := l.Try(within(t, 3*time.Second), key)
				if lease != nil {
					_ = lease.Release(soon(t))
					t.Errorf("%s with %s of %T(%v): taken", base, field, v, v)
					continue
				}
				if !errors.As(err, &f) {
					t.Errorf("%s with %s of %T(%v): %v, want a FormatError", base, field, v, v, err)
				}
				if i%8 == 0 && field != "v" {
					if _, err := l.Acquire(within(t, 3*time.Second), key); !errors.As(err, &f) {
						t.Errorf("%s with %s of %T(%v), waiting: %v, want a FormatError", base, field, v, v, err)
					}
					if _, err := l.ForceReleaseNow(soon(t), key); !errors.As(err, &f) {
						t.Errorf("%s with %s of %T(%v), by force: %v, want a FormatError", base, field, v, v, err)
					}
					if _, err := l.Revoke(soon(t), key); err == nil {
						t.Errorf("%s with %s of %T(%v): revoked", base, field, v, v)
					}
				}
				if !same(before, s.raw(t, key)) {
					t.Errorf("%s with %s of %T(%v): changed to %v", base, field, v, v, s.raw(t, key))
				}
			}
		}
	}
	t.Logf("%d documents", n)
}

// wrongTypesOfAHolder: the same of a document that is held, which is neither taken when it stands still nor asked to give up.
func (s *suite) wrongTypesOfAHolder(t *testing.T) {
	l := s.locker(t, "b")
	for field, v := range map[string]any{
		"locked": int32(1), "owner": int32(1), "expire": "later", "state": "hold", "nonce": bson.A{"A"}, "beat": "4", "token": 9e15, "ttlMs": 100.0, "graceMs": "0", "revoked": true, "v": 1.0, "done": "x", "holder": bson.A{},
	} {
		key := "held-type-" + field
		s.insert(t, heldDoc(key, bson.M{"ttlMs": int64(100), "graceMs": int64(0), field: v}))
		before := s.raw(t, key)
		var f *mongolock.FormatError
		for range 3 {
			if _, err := l.Try(soon(t), key); !errors.As(err, &f) {
				t.Errorf("%s of %T: %v, want a FormatError", field, v, err)
			}
			time.Sleep(60 * time.Millisecond)
		}
		if _, err := l.Try(soon(t), key, mongolock.Adopt("A")); !errors.As(err, &f) {
			t.Errorf("%s of %T, adopted: %v, want a FormatError", field, v, err)
		}
		if _, err := l.Revoke(soon(t), key); err == nil {
			t.Errorf("%s of %T: revoked", field, v)
		}
		if !same(before, s.raw(t, key)) {
			t.Errorf("%s of %T: changed", field, v)
		}
	}
}

// twinIsLost: another process renews under the same nonce. Its mark, or a number that this one has not sent, says so.
func (s *suite) twinIsLost(t *testing.T) {
	for name, fields := range map[string]bson.D{
		"a larger number": {{Key: "beat", Value: int64(1000)}},
		"another mark":    {{Key: "mark", Value: int64(1)}},
	} {
		key := "twin-" + name
		lease, err := s.locker(t, "a").Try(soon(t), key)
		must(t, lease, err)
		s.set(t, key, fields)
		s.lost(t, lease, mongolock.LostTwin)
		// Its own evidence is not the twin's: it gives nothing back, and nobody adopts it.
		if err := lease.Release(soon(t)); !errors.Is(err, mongolock.ErrLost) {
			t.Errorf("%s: released with %v", name, err)
		}
		eventually(t, 5*time.Second, "it says that there are two", func() bool {
			b, ok := s.raw(t, key).Lookup("twin").BooleanOK()
			return ok && b
		})
		var held *mongolock.HeldError
		if _, err := s.locker(t, "b").Try(soon(t), key, mongolock.Adopt(lease.Nonce())); !errors.As(err, &held) {
			t.Errorf("%s: adopted with %v", name, err)
		}
	}
	// One whose work ends before it has met its twin gives nothing back either.
	lease, err := s.locker(t, "a").Try(soon(t), "twin-release", mongolock.TTL(time.Minute))
	must(t, lease, err)
	s.set(t, "twin-release", bson.D{{Key: "mark", Value: int64(1)}})
	var lost *mongolock.LostError
	if err := lease.Release(soon(t)); !errors.As(err, &lost) || lost.Reason != mongolock.LostTwin {
		t.Errorf("released with %v, want lost to a twin", err)
	}
	if !s.raw(t, "twin-release").Lookup("locked").Boolean() {
		t.Error("it was given back")
	}
}

// changedIsLost: the document is not as the lease left it.
func (s *suite) changedIsLost(t *testing.T) {
	for name, fields := range map[string]bson.D{
		"unlocked":    {{Key: "locked", Value: false}},
		"other owner": {{Key: "owner", Value: "b"}},
		"expire back": {{Key: "expire", Value: time.Unix(0, 0)}},
		"other token": {{Key: "token", Value: int64(1)}},
		"other state": {{Key: "state", Value: "free"}},
	} {
		lease, err := s.locker(t, "a").Try(soon(t), "changed-"+name)
		must(t, lease, err)
		s.set(t, "changed-"+name, fields)
		s.lost(t, lease, mongolock.LostTaken)
	}
	// What is unlocked by hand is not free while its holder works on.
	lease, err := s.locker(t, "a").Try(soon(t), "unlocked", mongolock.TTL(time.Minute))
	must(t, lease, err)
	s.set(t, "unlocked", bson.D{{Key: "locked", Value: false}})
	var held *mongolock.HeldError
	if _, err := s.locker(t, "b").Try(soon(t), "unlocked"); !errors.As(err, &held) {
		t.Errorf("%v, want held", err)
	}
}
