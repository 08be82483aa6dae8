package mongolock

import (
	"testing"
	"time"
)

// handClock stands where it is put.
type handClock struct{ now time.Duration }

func (c *handClock) Now() time.Duration { return c.now }

// holder is a document of ours with a silence of 35 s.
func holder(nonce string, beat int64) *document {
	return &document{
		Info: Info{Locked: true, State: stateHeld}, v: Format, nonce: nonce, beat: beat, hasBeat: true,
		ttl: 30 * time.Second, grace: 5 * time.Second,
	}
}

func newWatch() (*watches, *handClock) {
	c := &handClock{now: time.Hour}
	return &watches{clock: c}, c
}

func TestP3_WatchRipensAfterTheHoldersSilence(t *testing.T) {
	w, c := newWatch()
	if _, _, ever := w.ripe("k"); ever {
		t.Error("ripe without a look")
	}
	w.saw("k", holder("A", 4))
	for _, step := range []struct {
		after time.Duration
		want  bool
		in    time.Duration
	}{{0, false, 35 * time.Second}, {34 * time.Second, false, time.Second}, {time.Second - 1, false, 1}, {1, true, 0}, {time.Hour, true, 0}} {
		c.now += step.after
		b, in, ever := w.ripe("k")
		if (b != nil) != step.want || in != step.in || !ever {
			t.Errorf("after %v more: %v in %v, want %v in %v", step.after, b, in, step.want, step.in)
		}
	}
	b, _, _ := w.ripe("k")
	if *b != (beatOf{"A", 4}) {
		t.Errorf("ripe for %v", *b)
	}
}

func TestP3_WatchBeginsAnew(t *testing.T) {
	nonceless := holder("", 0)
	free := &document{Info: Info{State: stateFree}, v: Format}
	for name, seen := range map[string]*document{
		"another beat": holder("A", 5), "an older beat": holder("A", 3), "another nonce": holder("B", 4),
		"no document": nil, "a Python holder": nonceless, "free": free,
	} {
		w, c := newWatch()
		w.saw("k", holder("A", 4))
		c.now += time.Minute
		w.saw("k", seen)
		if b, _, _ := w.ripe("k"); b != nil {
			t.Errorf("%s: still ripe", name)
		}
		c.now += 20 * time.Second
		w.saw("k", holder("A", 4))
		c.now += 20 * time.Second
		if b, _, _ := w.ripe("k"); b != nil {
			t.Errorf("%s: what was seen before it counts", name)
		}
	}
	// Looks that show the same do not begin anew.
	w, c := newWatch()
	for range 6 {
		w.saw("k", holder("A", 4))
		c.now += 7 * time.Second
	}
	if b, _, _ := w.ripe("k"); b == nil {
		t.Error("repeated looks do not add up")
	}
}

func TestP3_WatchTakesTheOwnersNumbers(t *testing.T) {
	w, c := newWatch()
	long := holder("A", 4)
	long.ttl = time.Hour
	w.saw("k", long)
	c.now += 59 * time.Minute
	if b, _, _ := w.ripe("k"); b != nil {
		t.Error("ripe before the owner's ttl")
	}
	for name, change := range map[string]func(*document){
		"no ttl": func(d *document) { d.ttl = -1 }, "a ttl of zero": func(d *document) { d.ttl = 0 },
		"no grace": func(d *document) { d.grace = -1 }, "no beat": func(d *document) { d.hasBeat = false },
	} {
		w, c := newWatch()
		d := holder("A", 4)
		change(d)
		w.saw("k", d)
		c.now += 100 * time.Hour
		if b, _, ever := w.ripe("k"); b != nil || ever {
			t.Errorf("%s: %v, ever %v; want never", name, b, ever)
		}
	}
}

// TestP9_MovedIsProofOfLife: what lets a run be skipped.
func TestP9_MovedIsProofOfLife(t *testing.T) {
	type look struct {
		after time.Duration
		nonce string
		beat  int64
	}
	for name, c := range map[string]struct {
		looks []look
		want  bool
	}{
		"one look":                {[]look{{0, "A", 4}}, false},
		"it stands still":         {[]look{{0, "A", 4}, {5 * time.Second, "A", 4}}, false},
		"it moves":                {[]look{{0, "A", 4}, {10 * time.Second, "A", 5}}, true},
		"another nonce":           {[]look{{0, "A", 4}, {5 * time.Second, "B", 5}}, false},
		"another nonce, and back": {[]look{{0, "A", 4}, {5 * time.Second, "B", 1}, {5 * time.Second, "A", 4}}, false},
		// A read that comes late, or from a primary that does not know of its successor yet.
		"an older beat, and back": {[]look{{0, "A", 5}, {time.Second, "A", 4}, {time.Second, "A", 5}}, false},
		// It moved at some time in an hour, and may be dead for most of it.
		"looks far apart":           {[]look{{0, "A", 4}, {50 * time.Minute, "A", 5}}, false},
		"looks far apart, then not": {[]look{{0, "A", 4}, {50 * time.Minute, "A", 5}, {10 * time.Second, "A", 6}}, true},
	} {
		w, clock := newWatch()
		for _, l := range c.looks {
			clock.now += l.after
			w.saw("k", holder(l.nonce, l.beat))
		}
		if got := w.moved("k"); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	w, _ := newWatch()
	w.saw("k", holder("A", 4))
	w.saw("k", holder("A", 5))
	w.saw("k", nil)
	if w.moved("k") {
		t.Error("still moving after the key was free")
	}
}

func TestP7_WatchRemembersTheHighestToken(t *testing.T) {
	w, c := newWatch()
	d := holder("A", 1)
	d.Token = 70
	w.saw("k", d)
	w.sawToken("k", 90)
	d.Token = 80
	w.saw("k", d)
	w.saw("k", nil)
	if got := w.token("k"); got != 90 {
		t.Errorf("%d, want 90", got)
	}
	if w.token("other") != 0 {
		t.Error("a token of another key")
	}
	w.sawToken("never looked at", 1)
	// Keys that nobody looks at are dropped, or a process with a key per run would grow forever.
	c.now += forget + 1
	w.saw("other", d)
	if len(w.keys) != 1 {
		t.Errorf("%d keys kept, want 1", len(w.keys))
	}
}
