package mongolock

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The changes as they are sent, with the values that differ from call to call filled into stencils.

func (l *Locker) encodeKey(key string) (bson.Raw, error) {
	f, err := l.sent.encode(shape{what: "key"}, values{texts: [maxTexts]string{key}}, func(v values) any { return byID(v.texts[0]) })
	return f.data, err
}

func (l *Locker) encodeAcquisition(a *attempt, plain bool) (Change, error) {
	filter, err := l.encodeKey(a.key)
	c := Change{Key: a.key, Filter: filter, Upsert: true, Within: a.timing.Operation}
	if err != nil {
		return c, err
	}
	if !plain {
		c.Pipeline, c.step = a.pipeline(), a
		return c, nil
	}
	c.step = (*plainAttempt)(a)
	c.Pipeline, err = l.sent.encode(shape{what: "acquire", timing: a.timing}, values{texts: [maxTexts]string{a.nonce}, ints: [maxInts]int64{a.seen, a.mark}, n: 2}, func(v values) any {
		b := *a
		b.nonce, b.seen, b.mark = v.texts[0], v.ints[0], v.ints[1]
		return b.plain()
	})
	return c, err
}

func held(key, nonce string) bson.D {
	return bson.D{{Key: "_id", Value: key}, {Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}
}

func (l *Locker) encodeRenewal(key string, r *renewal) (Change, error) {
	f, err := l.sent.encode(shape{what: "held"}, values{texts: [maxTexts]string{key, r.nonce}}, func(v values) any { return held(v.texts[0], v.texts[1]) })
	c := Change{Key: key, Filter: bson.Raw(f.data), Before: true, Within: r.timing.Operation, step: r}
	if err != nil {
		return c, err
	}
	if 2+len(r.known) > maxInts { // many were never answered
		c.Pipeline = r.pipeline()
		return c, nil
	}
	v := values{ints: [maxInts]int64{r.beat, r.mark}, n: 2 + len(r.known)}
	copy(v.ints[2:], r.known)
	c.Pipeline, err = l.sent.encode(shape{what: "renew", timing: r.timing}, v, func(v values) any {
		b := renewal{timing: r.timing, beat: v.ints[0], mark: v.ints[1], known: v.ints[2:v.n]}
		return b.pipeline()
	})
	return c, err
}

func (l *Locker) encodeEnding(key string, e *ending, within time.Duration) (Change, error) {
	asked := *e // the next request has another number
	c := Change{Key: key, Within: within, step: &asked}
	mine := values{texts: [maxTexts]string{key, e.nonce}, n: len(e.known)}
	if copy(mine.ints[:], e.known) < mine.n { // many were never answered
		c.Filter = e.filter(key)
	} else {
		f, err := l.sent.encode(shape{what: "mine"}, mine, func(v values) any {
			b := *e
			b.nonce, b.known = v.texts[1], v.ints[:v.n]
			return b.filter(v.texts[0])
		})
		if err != nil {
			return c, err
		}
		c.Filter = bson.Raw(f.data)
	}
	of := shape{what: "release", keep: e.purge}
	if e.done != nil {
		of.what, of.variant = "done", e.done.Outcome // the rest of a record is the Locker's
	}
	var err error
	c.Pipeline, err = l.sent.encode(of, values{texts: [maxTexts]string{e.nonce}, ints: [maxInts]int64{e.try}, n: 1}, func(v values) any {
		b := *e
		b.nonce, b.try = v.texts[0], v.ints[0]
		return b.pipeline()
	})
	return c, err
}
