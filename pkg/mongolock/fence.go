package mongolock

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FenceField is the field that fenced documents carry unless [Fenced.In] says otherwise.
const FenceField = "fence"

// Fenced is a fencing token at work in the caller's own collection; see [Fence].
type Fenced struct {
	token int64
	field string
}

// Fence puts a fencing token to work in the caller's own collection: a write
// that goes through it is refused where a later holder has written before. This protects what
// the lock alone cannot: a holder that was frozen in the middle of a write.
//
//	f := mongolock.Fence(lease.Token())
//	r, err := coll.UpdateOne(ctx, f.Filter(bson.D{{"_id", id}}), f.Update(bson.D{{"$set", change}}))
//	// r.MatchedCount == 0: the document is not there, or a later holder has written it
//
// Every writer of the document must go through both, [Fenced.Filter] and
// [Fenced.Update]. What cannot be protected is refused: the driver's call then returns an error that is
// [ErrConfig], and sends nothing. A write by upsert needs _id in its filter: the server refuses one without, and
// a late one with it ends in E11000, a duplicate key.
func Fence(token int64) Fenced { return Fenced{token, FenceField} }

// In names the field that the documents carry, which may be nested ("meta.fence").
func (f Fenced) In(field string) Fenced {
	f.field = field
	return f
}

// check says why this cannot fence anything, or nil.
func (f Fenced) check() error {
	switch {
	case f.token <= 0 || f.token > maxToken:
		return fmt.Errorf("token %d: want that of a lease", f.token)
	case f.field == "" || f.field == "_id" || strings.HasPrefix(f.field, "$") || strings.HasPrefix(f.field, ".") ||
		strings.HasSuffix(f.field, ".") || strings.ContainsAny(f.field, "\x00"):
		return fmt.Errorf("field %q: want the name of a field that is only for this", f.field)
	}
	return nil
}

// unfenced is a filter or an update that cannot be protected. The driver cannot encode it, and returns why.
type unfenced struct{ err error }

// MarshalBSON makes it a [bson.Marshaler].
func (u unfenced) MarshalBSON() ([]byte, error) { return nil, u.err }

// MarshalBSONValue makes it a [bson.ValueMarshaler].
func (u unfenced) MarshalBSONValue() (byte, []byte, error) { return 0, nil, u.err }

func (u unfenced) String() string { return u.err.Error() }

func cannot(what string, err error) unfenced {
	return unfenced{fmt.Errorf("%w: fencing %s: %w", ErrConfig, what, err)}
}

// Filter adds to a filter, in any form that the driver takes, that no later
// holder has written the document: the field is missing, null, or a number that is not above the token. What
// is anything else, a string or a list, was not written by [Fenced.Update], and matches no token.
//
// Where the filter does not give an _id the server refuses an upsert with it: that would
// insert a second document beside the one that it was to protect.
func (f Fenced) Filter(filter any) any {
	if err := f.check(); err != nil {
		return cannot("a filter", err)
	}
	d, err := asDocument(filter)
	if err != nil {
		return cannot("a filter", err)
	}
	guard := bson.A{
		bson.D{{Key: f.field, Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}}}},
		bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: f.field, Value: nil}},
			bson.D{{Key: f.field, Value: bson.D{{Key: "$lte", Value: f.token}}}},
		}}},
	}
	if !givesID(d) {
		guard = append(guard, bson.D{{Key: "$expr", Value: true}}) // which no upsert may have
	}
	if slices.ContainsFunc(d, func(e bson.E) bool { return e.Key == "$and" }) {
		return bson.D{{Key: "$and", Value: append(bson.A{d}, guard...)}}
	}
	return append(d, bson.E{Key: "$and", Value: guard})
}

// givesID is true where a filter fixes the _id that an upsert would insert.
func givesID(d bson.D) bool {
	for _, e := range d {
		if e.Key != "_id" {
			continue
		}
		if _, pattern := e.Value.(bson.Regex); pattern {
			return false
		}
		if v := reflect.ValueOf(e.Value); v.IsValid() && (v.Kind() == reflect.Map || v.Kind() == reflect.Slice && v.Type() == reflect.TypeOf(bson.D{})) {
			inner, err := asDocument(e.Value)
			return err == nil && (len(inner) == 0 || !strings.HasPrefix(inner[0].Key, "$") || len(inner) == 1 && inner[0].Key == "$eq")
		}
		return true
	}
	return false
}

// Update adds to an update that the document remembers the token. It takes what
// the driver takes: operators, a pipeline, and for ReplaceOne and its kin a whole document. An update that writes the field itself is refused.
func (f Fenced) Update(update any) any {
	if err := f.check(); err != nil {
		return cannot("an update", err)
	}
	if stages, ok := asPipeline(update); ok {
		return append(stages, bson.D{{Key: "$set", Value: bson.D{{Key: f.field, Value: op("$max", "$"+f.field, f.token)}}}})
	}
	d, err := asDocument(update)
	if err != nil {
		return cannot("an update", err)
	}
	operators := 0
	for _, e := range d {
		if strings.HasPrefix(e.Key, "$") {
			operators++
		}
	}
	switch {
	case operators == len(d):
		d, err = f.operators(d)
	case operators > 0:
		err = errors.New("it has operators beside fields")
	default:
		d, err = f.replacement(d)
	}
	if err != nil {
		return cannot("an update", err)
	}
	return d
}

// operators adds the token to the update's $max.
func (f Fenced) operators(d bson.D) (bson.D, error) {
	var out, highest bson.D
	for _, e := range d {
		arg, err := asDocument(e.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Key, err)
		}
		for _, a := range arg {
			to, _ := a.Value.(string)
			if overlaps(a.Key, f.field) || e.Key == "$rename" && overlaps(to, f.field) {
				return nil, fmt.Errorf("%s writes %s, which only the fence may", e.Key, f.field)
			}
		}
		if e.Key == "$max" {
			highest = append(highest, arg...)
			continue
		}
		out = append(out, e)
	}
	return append(out, bson.E{Key: "$max", Value: append(highest, bson.E{Key: f.field, Value: f.token})}), nil
}

// replacement adds the token to a whole document.
func (f Fenced) replacement(d bson.D) (bson.D, error) {
	for _, e := range d {
		if overlaps(e.Key, f.field) {
			return nil, fmt.Errorf("the document has %s, which only the fence may write", e.Key)
		}
	}
	if strings.Contains(f.field, ".") {
		return nil, fmt.Errorf("a whole document cannot be given the nested field %s: use $set", f.field)
	}
	return append(d, bson.E{Key: f.field, Value: f.token}), nil
}

// overlaps is true where one path is the other or lies within it.
func overlaps(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// asPipeline is the stages of an update that is a list of them.
func asPipeline(v any) (bson.A, bool) {
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.Kind() != reflect.Slice || r.Type() == reflect.TypeOf(bson.D{}) || r.Type().Elem().Kind() == reflect.Uint8 {
		return nil, false
	}
	out := make(bson.A, r.Len())
	for i := range out {
		out[i] = r.Index(i).Interface()
	}
	return out, true
}

// asDocument is a document in any form that the driver takes, as a copy.
func asDocument(v any) (bson.D, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("it is nil")
	case bson.D:
		return slices.Clone(v), nil
	case bson.M:
		return sorted(v), nil
	case map[string]any:
		return sorted(v), nil
	}
	raw, err := bson.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a %T cannot be merged with: %w", v, err)
	}
	var d bson.D
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("a %T cannot be merged with: %w", v, err)
	}
	return d, nil
}

func sorted(m map[string]any) bson.D {
	d := make(bson.D, 0, len(m)+1)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d = append(d, bson.E{Key: k, Value: m[k]})
	}
	return d
}
