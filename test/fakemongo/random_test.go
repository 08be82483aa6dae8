package fakemongo

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// dice draws documents and pipelines that nobody thought of.
type dice struct{ *rand.Rand }

func (r dice) field() string { return []string{"a", "b", "c", "o", "l", "zz"}[r.IntN(6)] }

func (r dice) path() string { return r.field() + []string{"", "", ".x", ".y"}[r.IntN(4)] }

func (r dice) value(depth int) any {
	if n := r.IntN(16); depth > 0 && n < 3 {
		return d{{"x", r.value(depth - 1)}, {"y", r.value(depth - 1)}}
	} else if depth > 0 && n < 5 {
		return a{r.value(depth - 1), r.value(depth - 1), d{{"x", r.value(0)}}}
	}
	return []any{
		nil, true, false, int32(0), int32(1), int32(-7), int64(1), int64(1) << 40, int64(math.MaxInt64), 1.0, 1.5, -0.5, math.NaN(), math.Inf(1),
		"", "a", "b", "12", bson.DateTime(1_700_000_000_000), bson.DateTime(-5),
	}[r.IntN(20)]
}

func (r dice) document() d {
	doc := d{}
	for _, field := range []string{"a", "b", "c", "o", "l"} {
		switch n := r.IntN(8); {
		case n == 0:
		case field == "o" && n < 6:
			doc = append(doc, e{field, d{{"x", r.value(1)}, {"y", r.value(1)}}})
		case field == "l" && n < 6:
			doc = append(doc, e{field, a{d{{"x", r.value(1)}}, r.value(1)}})
		default:
			doc = append(doc, e{field, r.value(2)})
		}
	}
	return doc
}

func (r dice) expression(depth int) any {
	x := func() any { return r.expression(depth - 1) }
	if depth == 0 || r.IntN(5) == 0 {
		switch r.IntN(8) {
		case 0, 1, 2, 3, 4:
			return "$" + r.path()
		case 5:
			return "$$ROOT." + r.path()
		case 6:
			return d{{"$literal", r.value(1)}}
		}
		return []any{"$$REMOVE", int32(2), nil, "text", true}[r.IntN(5)]
	}
	switch r.IntN(12) {
	case 0:
		return d{{"$cond", a{x(), x(), x()}}}
	case 1:
		return d{{"$ifNull", a{x(), x(), x()}}}
	case 2:
		return d{{[]string{"$and", "$or"}[r.IntN(2)], a{x(), x()}}}
	case 3, 4, 5:
		return d{{[]string{"$eq", "$ne", "$lt", "$lte", "$gt", "$gte"}[r.IntN(6)], a{x(), x()}}}
	case 6:
		return d{{[]string{"$type", "$isArray"}[r.IntN(2)], a{x()}}}
	case 7:
		return d{{[]string{"$max", "$add", "$concatArrays", "$mergeObjects"}[r.IntN(4)], a{x(), x()}}}
	case 8:
		return d{{[]string{"$max", "$in"}[r.IntN(2)], a{x(), a{x(), x()}}}}
	case 9:
		return d{{"$slice", a{a{x(), x()}, int32(-1 - r.IntN(2))}}}
	case 10:
		return d{{"p", x()}, {"q", x()}}
	}
	return a{x(), x()}
}

func (r dice) pipeline() a {
	p := a{}
	for range 1 + r.IntN(3) {
		switch r.IntN(8) {
		case 0:
			p = append(p, d{{"$unset", r.field()}})
		case 1:
			p = append(p, d{{"$replaceWith", d{{"$mergeObjects", a{"$$ROOT", d{{"p", r.expression(2)}}}}}}})
		default:
			p = append(p, d{{"$set", d{{r.field(), a{r.expression(3)}}, {"out", a{r.expression(2)}}}}})
		}
	}
	return p
}

func (r dice) filter() d {
	condition := r.value(1)
	if r.IntN(4) > 0 {
		condition = d{{[]string{"$eq", "$ne", "$lt", "$lte", "$gt", "$gte"}[r.IntN(6)], condition}}
	}
	return d{{r.field(), condition}}
}

// TestSameAtRandom runs drawn documents, filters and pipelines on both servers.
// Where several errors are possible the order of evaluation decides which one
// is reported; only that there is one is compared.
func TestSameAtRandom(t *testing.T) {
	fake, truth := clients(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r := dice{rand.New(rand.NewPCG(1, 2))}
	refused, unknown, bad := 0, 0, 0
	const rounds, notImplemented = 2000, 238
	for i := range rounds {
		c := sameCase{doc: r.document(), update: r.pipeline()}
		if i%3 == 0 {
			c.filter, c.update = r.filter(), set(e{"matched", true})
		}
		want, got := try(ctx, t, truth, "drawn", c), try(ctx, t, fake, "drawn", c)
		switch {
		case got.Code == notImplemented: // the fake may know less, if it says so
			unknown++
			continue
		case want.Code != 0 && got.Code != 0:
			refused++
			want.Code, got.Code = 1, 1
		}
		if !same(want, got, 0) {
			if bad++; bad <= 10 {
				t.Errorf("round %d\n doc %v\n filter %v\n update %v\nreal: %v\nfake: %v", i, c.doc, c.filter, c.update, want, got)
			}
		}
	}
	t.Logf("%d rounds, %d refused by both, %d not implemented, %d differ", rounds, refused, unknown, bad)
	if unknown > rounds/50 {
		t.Errorf("%d of %d rounds proved nothing", unknown, rounds)
	}
}
