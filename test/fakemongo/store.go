package fakemongo

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Entry is one effective write: what an oplog would hold. A write that changes nothing has none.
type Entry struct {
	At        time.Time // by package time, as every clock of the test sees it
	Wall      time.Time // by the clock of the member that took the write
	Process   int       // whose connection it came over
	Command   string
	Namespace string
	ID        any
	Before    bson.Raw // nil: inserted
	After     bson.Raw // nil: deleted
}

// copyOf is one member's copy of the data, with its wall clock.
type copyOf struct {
	collections map[string]*collection
	log         []Entry
	now         func() time.Time
	retried     map[string]reply // answers of retryable writes, by session and number
	inserted    int
	term        int // of the election that made this member primary
}

type collection struct {
	documents map[string]stored
	indexes   []bson.D
}

type stored struct {
	place int // natural order: the order of insertion
	raw   bson.Raw
}

func newCopy(now func() time.Time) *copyOf {
	return &copyOf{collections: map[string]*collection{}, now: now, retried: map[string]reply{}, term: 1}
}

// clone shares the documents, which are never changed in place.
func (c *copyOf) clone() *copyOf {
	out := &copyOf{
		collections: make(map[string]*collection, len(c.collections)), log: slices.Clone(c.log), now: c.now,
		retried: maps.Clone(c.retried), inserted: c.inserted, term: c.term,
	}
	for name, coll := range c.collections {
		out.collections[name] = &collection{documents: maps.Clone(coll.documents), indexes: slices.Clone(coll.indexes)}
	}
	return out
}

func (c *copyOf) collection(namespace string) *collection {
	coll, ok := c.collections[namespace]
	if !ok {
		coll = &collection{documents: map[string]stored{}}
		c.collections[namespace] = coll
	}
	return coll
}

// found is a document that a filter matched.
type found struct {
	key string
	raw bson.Raw
	doc bson.D
}

// match returns the documents that the filter matches, in natural order, at most limit of them (0: all).
func (c *copyOf) match(namespace string, filter bson.D, limit int, now time.Time) ([]found, error) {
	matches, err := parseFilter(filter)
	if err != nil {
		return nil, err
	}
	coll, ok := c.collections[namespace]
	if !ok {
		return nil, nil
	}
	keys := slices.SortedFunc(maps.Keys(coll.documents), func(a, b string) int {
		return cmp.Compare(coll.documents[a].place, coll.documents[b].place)
	})
	if id := lookup(filter, "_id"); isPlain(id) { // what every command of a lock asks for
		key, err := idKey(id)
		if err != nil {
			return nil, err
		}
		if _, ok := coll.documents[key]; !ok {
			return nil, nil
		}
		keys = []string{key}
	}
	var out []found
	for _, key := range keys {
		raw := coll.documents[key].raw
		doc, err := decode(raw)
		if err != nil {
			return nil, err
		}
		ok, err := matches(&scope{root: doc, now: now})
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, found{key, raw, doc})
		}
		if limit > 0 && len(out) == limit {
			break
		}
	}
	return out, nil
}

// isPlain is true for a value that a filter compares with as it is, and whose equals have one key.
func isPlain(v any) bool {
	switch v.(type) {
	case string, int32, int64, bson.ObjectID:
		return true
	}
	return false
}
