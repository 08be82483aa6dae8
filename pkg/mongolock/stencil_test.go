package mongolock

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

// TestStencilsGiveWhatEncodingGives: byte for byte, for every call, for keys and values of any kind; and each is cut, not encoded anew each time.
func TestStencilsGiveWhatEncodingGives(t *testing.T) {
	same := func(what string, got any, want any) {
		t.Helper()
		w := must.Get(inFull(want))(t)
		var data []byte
		switch g := got.(type) {
		case bson.Raw:
			data = g
		case encoded:
			data = g.data
			if g.kind != w.kind {
				t.Errorf("%s: a %v", what, g.kind)
			}
		default:
			t.Fatalf("%s is a %T: encoded anew", what, got)
		}
		if !bytes.Equal(data, w.data) {
			t.Errorf("%s: %v, want %v", what, bson.Raw(data), bson.Raw(w.data))
		}
	}
	for _, l := range []*Locker{
		{opts: Options{Owner: "o"}},
		{opts: Options{Owner: strings.Repeat("ö", 100), Keep: time.Hour, FailedHold: true, Holder: Holder{Cluster: "c", Pod: "p", JobUID: "u"}}},
	} {
		timings := []Timing{Timing{}.WithDefaults(), Timing{TTL: time.Minute}.WithDefaults()}
		for i := range 200 {
			key := strings.Repeat(string(rune('a'+i%26)), 1+i%9)
			nonce, tm, n := newNonce(), timings[i%2], rand.Int64N(1<<61)
			a := &attempt{key: key, nonce: nonce, owner: l.opts.Owner, holder: l.opts.Holder, timing: tm, seen: n, mark: newMark()}
			c := must.Get(l.encodeAcquisition(a, true))(t)
			same("acquisition's filter", c.Filter, byID(key))
			same("acquisition", c.Pipeline, a.plain())
			known := []int64{newMark(), newMark(), newMark()}[:1+i%3]
			r := &renewal{nonce: nonce, timing: tm, beat: n, mark: a.mark, known: known}
			c = must.Get(l.encodeRenewal(key, r))(t)
			same("renewal's filter", c.Filter, held(key, nonce))
			same("renewal", c.Pipeline, r.pipeline())
			for _, e := range []*ending{
				{nonce: nonce, known: known, try: n},
				{nonce: nonce, known: known, try: n, purge: l.opts.Keep},
				{nonce: nonce, try: n, purge: l.opts.Keep, done: &Done{By: l.opts.Owner, JobUID: l.opts.Holder.JobUID, Outcome: outcomeSucceeded}},
				{nonce: nonce, try: n, purge: l.opts.Keep, done: &Done{By: l.opts.Owner, JobUID: l.opts.Holder.JobUID, Outcome: outcomeFailed}},
			} {
				e.known = known
				c = must.Get(l.encodeEnding(key, e, tm.Operation))(t)
				same("ending's filter", c.Filter, e.filter(key))
				same("ending", c.Pipeline, e.pipeline())
			}
		}
		for of, s := range l.sent.made {
			if s.never && of.lengths[0] > 2 { // a text of a byte or two may stand elsewhere too
				t.Errorf("%+v is encoded anew each time", of)
			}
		}
	}
}

// TestStencilsAreNotWithoutEnd: a process with keys of every length keeps no more than some.
func TestStencilsAreNotWithoutEnd(t *testing.T) {
	var s stencils
	for i := range 3 * maxStencils {
		key := strings.Repeat("k", i+1)
		e, err := s.encode(shape{what: "key"}, values{texts: [maxTexts]string{key}}, func(v values) any { return byID(v.texts[0]) })
		if err != nil || bson.Raw(e.data).Lookup("_id").StringValue() != key {
			t.Fatal(err, e)
		}
	}
	if len(s.made) != maxStencils {
		t.Errorf("%d stencils", len(s.made))
	}
}

// TestStencilThatDoesNotFitIsNotUsed: whatever somebody writes, what is sent is what was written.
func TestStencilThatDoesNotFitIsNotUsed(t *testing.T) {
	var s stencils
	for n := range int64(5) {
		// The number decides how the document looks.
		build := func(v values) any {
			d := bson.D{{Key: "a", Value: v.ints[0] % 2}}
			if v.ints[0] > 1 {
				d = append(d, bson.E{Key: "b", Value: fmt.Sprint(v.ints[0])})
			}
			return d
		}
		v := values{ints: [maxInts]int64{n}, n: 1}
		got, err := s.encode(shape{what: "odd"}, v, build)
		want, _ := inFull(build(v))
		if err != nil || !bytes.Equal(got.data, want.data) {
			t.Errorf("%d: %v, want %v", n, bson.Raw(got.data), bson.Raw(want.data))
		}
	}
}

// TestAllocationsOfACall holds what a call allocates beside a bare findAndModify of the same driver: at most 1.3 times as much.
func TestAllocationsOfACall(t *testing.T) {
	s := sharedServer(t, 0)
	w := newWire(t, s)
	l := w.connect(t, s.URI, func(o *Options) { o.Timing, o.Observe = Timing{TTL: time.Hour}, nil })
	ctx := context.Background()
	var lease *Lease
	call := func(do func() error) {
		t.Helper()
		must.Do(t, do())
	}
	acquire := func() error { s, err := l.Try(ctx, "key"); lease = s; return err }
	release := func() error { return lease.Release(ctx) }
	for range 12 { // a full history, warm connections and stencils
		call(acquire)
		call(func() error { return lease.Renew(ctx) })
		call(release)
	}
	k := l.conn.current()
	bare := testing.AllocsPerRun(200, func() {
		set := bson.D{{Key: "$set", Value: bson.D{{Key: "locked", Value: true}, {Key: "owner", Value: "o"}}}}
		must.Get(k.coll.FindOneAndUpdate(ctx, byID("bare"), set, upserting).Raw())(t)
	})
	pair := testing.AllocsPerRun(200, func() { call(acquire); call(release) })
	call(acquire)
	renew := testing.AllocsPerRun(200, func() { call(func() error { return lease.Renew(ctx) }) })
	call(release)
	t.Logf("bare %v, acquire and release %v, renew %v", bare, pair, renew)
	if renew > 1.3*bare || pair > 2*1.3*bare {
		t.Errorf("bare %v allocations; renew %v, acquire and release together %v", bare, renew, pair)
	}
}

var update = flag.Bool("update", false, "write testdata/sent anew")

// TestWhatIsSent keeps every request of the protocol as extended JSON below testdata/sent, to be read as the server gets it.
func TestWhatIsSent(t *testing.T) {
	timing := Timing{}.WithDefaults()
	a := attempt{
		key: "team/report", nonce: "NONCE", mark: 1, owner: "pod-a", timing: timing, seen: 2,
		holder: Holder{Cluster: "east", Namespace: "team", Pod: "pod-a", PodUID: "uid", Node: "n1", Job: "report", JobUID: "job-uid"},
	}
	whole := a
	whole.adopt, whole.watched = []string{"EARLIER"}, &beatOf{nonce: "SILENT", beat: 3}
	release := ending{nonce: "NONCE", try: 1, known: []int64{1}}
	renew := renewal{nonce: a.nonce, timing: timing, beat: 4, mark: 5, known: []int64{1}}
	revoke := revoking{}.change(a.key, timing.Operation)
	done := release
	done.done, done.purge = &Done{By: "pod-a", JobUID: "job-uid", Outcome: "succeeded"}, 30*24*time.Hour
	for name, sent := range map[string]struct{ filter, pipeline any }{
		"acquire-free": {byID(a.key), a.plain()},
		"acquire":      {byID(a.key), whole.pipeline()},
		"renew":        {held(a.key, a.nonce), renew.pipeline()},
		"release":      {release.filter(a.key), release.pipeline()},
		"done":         {done.filter(a.key), done.pipeline()},
		"revoke":       {revoke.Filter, revoke.Pipeline},
	} {
		b := must.Get(bson.MarshalExtJSON(bson.D{{Key: "filter", Value: sent.filter}, {Key: "pipeline", Value: sent.pipeline}}, false, false))(t)
		var text bytes.Buffer
		must.Do(t, json.Indent(&text, b, "", "  "))
		text.WriteByte('\n')
		path := filepath.Join("testdata", "sent", name+".json")
		if *update {
			must.Do(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must.Do(t, os.WriteFile(path, text.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, text.Bytes()) {
			t.Errorf("%s is not what is sent (%v): go test ./pkg/mongolock -run TestWhatIsSent -update", path, err)
		}
	}
}
