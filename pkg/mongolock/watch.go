package mongolock

import (
	"sync"
	"time"
)

// watches is what this process has seen of the holders of keys. It is kept
// per key and not per call, so that repeated tries add up.
type watches struct {
	clock Clock
	mu    sync.Mutex
	keys  map[string]*watched
	// first and last are of the keys in the order in which they were looked at, the longest ago first.
	first, last *watched
}

type watched struct {
	key          string
	older, newer *watched
	beat         beatOf
	// top is the highest beat seen of this nonce: a read that comes late may show an older one.
	top int64
	// since is when the reply arrived that first showed this beat.
	since time.Duration
	// looked is when the key was looked at last.
	looked time.Duration
	// silence is the holder's own ttl + grace; zero where its document does not say.
	silence time.Duration
	// moved is true once this nonce's beat was seen to move from one look to
	// the next within its silence: the holder was alive no longer ago than that.
	moved bool
	// token is the highest seen for the key.
	token int64
}

// forget is after how long a key that nobody looks at is dropped: the watch of one who looks that seldom starts anew.
const forget = time.Hour

// saw records an acknowledged answer that has just arrived.
func (w *watches) saw(key string, d *document) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keys == nil {
		w.keys = map[string]*watched{}
	}
	e := w.keys[key]
	if e == nil {
		w.drop(now)
		e = &watched{key: key}
		w.keys[key] = e
	} else {
		w.unlink(e)
	}
	w.append(e)
	since := now - e.looked
	e.looked = now
	if d == nil {
		e.beat, e.silence, e.moved = beatOf{}, 0, false
		return
	}
	e.token = max(e.token, d.Token)
	if !d.ours() {
		e.beat, e.silence, e.moved = beatOf{}, 0, false
		return
	}
	seen := beatOf{d.nonce, d.beat}
	if e.beat != seen {
		same := e.beat.nonce == seen.nonce
		e.moved = same && seen.beat > e.top && since <= d.silence()
		if !same {
			e.top = seen.beat
		}
		e.top = max(e.top, seen.beat)
		e.beat, e.since = seen, now
	}
	e.silence = d.silence()
}

// drop forgets what nobody has looked at for long. Each key is dropped once, so that a look costs the same however many keys there are.
func (w *watches) drop(now time.Duration) {
	for e := w.first; e != nil && now-e.looked > forget; e = w.first {
		w.unlink(e)
		delete(w.keys, e.key)
	}
}

func (w *watches) append(e *watched) {
	e.older, e.newer = w.last, nil
	if w.last == nil {
		w.first = e
	} else {
		w.last.newer = e
	}
	w.last = e
}

func (w *watches) unlink(e *watched) {
	if e.older == nil {
		w.first = e.newer
	} else {
		e.older.newer = e.newer
	}
	if e.newer == nil {
		w.last = e.older
	} else {
		e.newer.older = e.older
	}
}

// ripe is the holder that has been seen to stand still for its whole silence, or
// nil; in is how long it must still stand still, where that can ever happen.
func (w *watches) ripe(key string) (b *beatOf, in time.Duration, ever bool) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.keys[key]
	if e == nil || e.beat.nonce == "" || e.silence <= 0 {
		return nil, 0, false
	}
	if in = e.since + e.silence - now; in > 0 {
		return nil, in, true
	}
	return &beatOf{e.beat.nonce, e.beat.beat}, 0, true
}

func (w *watches) moved(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.keys[key]
	return e != nil && e.moved
}

func (w *watches) token(key string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.keys[key]; e != nil {
		return e.token
	}
	return 0
}

func (w *watches) sawToken(key string, token int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.keys[key]; e != nil {
		e.token = max(e.token, token)
	}
}
