package mongolock

import "go.mongodb.org/mongo-driver/v2/bson"

// What is sent, with the values that change from call to call filled into stencils.

func (l *Locker) encodeKey(key string) (bson.Raw, error) {
	f, err := l.sent.encode(shape{what: "key"}, values{texts: [maxTexts]string{key}}, func(v values) any { return byID(v.texts[0]) })
	return f.data, err
}

func (l *Locker) encodeAcquisition(a *attempt, plain bool) (filter bson.Raw, pipeline any, err error) {
	filter, err = l.encodeKey(a.key)
	if err != nil {
		return nil, nil, err
	}
	if !plain {
		return filter, a.pipeline(), nil
	}
	pipeline, err = l.sent.encode(shape{what: "acquire", timing: a.timing}, values{texts: [maxTexts]string{a.nonce}, ints: [maxInts]int64{a.seen, a.mark}, n: 2}, func(v values) any {
		b := *a
		b.nonce, b.seen, b.mark = v.texts[0], v.ints[0], v.ints[1]
		return b.plain()
	})
	return filter, pipeline, err
}

func held(key, nonce string) bson.D {
	return bson.D{{Key: "_id", Value: key}, {Key: "nonce", Value: nonce}, {Key: "state", Value: stateHeld}}
}

func (l *Locker) encodeRenewal(key, nonce string, timing Timing, beat, mark int64, known []int64) (filter bson.Raw, pipeline any, err error) {
	f, err := l.sent.encode(shape{what: "held"}, values{texts: [maxTexts]string{key, nonce}}, func(v values) any { return held(v.texts[0], v.texts[1]) })
	if err != nil {
		return nil, nil, err
	}
	if 2+len(known) > maxInts { // many were never answered
		return f.data, renewal(timing, beat, mark, known), nil
	}
	v := values{ints: [maxInts]int64{beat, mark}, n: 2 + len(known)}
	copy(v.ints[2:], known)
	pipeline, err = l.sent.encode(shape{what: "renew", timing: timing}, v, func(v values) any {
		return renewal(timing, v.ints[0], v.ints[1], v.ints[2:v.n])
	})
	return f.data, pipeline, err
}

func (l *Locker) encodeEnding(key string, e *ending) (filter bson.Raw, pipeline any, err error) {
	mine := values{texts: [maxTexts]string{key, e.nonce}, n: len(e.known)}
	if copy(mine.ints[:], e.known) < mine.n { // many were never answered
		if filter, err = bson.Marshal(e.filter(key)); err != nil {
			return nil, nil, err
		}
	} else {
		f, err := l.sent.encode(shape{what: "mine"}, mine, func(v values) any {
			b := *e
			b.nonce, b.known = v.texts[1], v.ints[:v.n]
			return b.filter(v.texts[0])
		})
		if err != nil {
			return nil, nil, err
		}
		filter = f.data
	}
	of := shape{what: "release", keep: e.purge}
	if e.done != nil {
		of.what, of.variant = "done", e.done.Outcome // the rest of a record is the Locker's
	}
	pipeline, err = l.sent.encode(of, values{texts: [maxTexts]string{e.nonce}, ints: [maxInts]int64{e.try}, n: 1}, func(v values) any {
		b := *e
		b.nonce, b.try = v.texts[0], v.ints[0]
		return b.pipeline()
	})
	return filter, pipeline, err
}
