package mongolock

import (
	"container/list"
	"context"
	"sync"
)

// lines are the queues of those who wait in this process, one for each key: first come, first served. Only the first of
// a line asks the store. The others see neither polls nor races, and leave at once when their context ends.
type lines struct {
	mu   sync.Mutex
	keys map[string]*line
}

// line is never empty.
type line struct {
	places list.List // of *place
	// held is who was seen to hold the key last; guarded by lines.mu.
	held *HeldError
}

type place struct {
	line *line
	in   *list.Element
	turn chan struct{} // closed when the place is the first
}

// join takes the last place.
func (s *lines) join(key string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[string]*line{}
	}
	q := s.keys[key]
	if q == nil {
		q = &line{}
		s.keys[key] = q
	}
	p := &place{line: q, turn: make(chan struct{})}
	p.in = q.places.PushBack(p)
	if q.places.Len() == 1 {
		close(p.turn)
	}
	return p
}

// leave gives the place up, and the turn to the next if it had that.
func (s *lines) leave(key string, p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := p.line.places.Front() == p.in
	p.line.places.Remove(p.in)
	switch next := p.line.places.Front(); {
	case next == nil:
		delete(s.keys, key)
	case first:
		if p, ok := next.Value.(*place); ok { // the list has nothing else
			close(p.turn)
		}
	}
}

// saw keeps for those behind who holds the key.
func (s *lines) saw(p *place, held *HeldError) {
	if p == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.line.held = held
}

func (s *lines) held(p *place) *HeldError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.line.held
}

// stand waits in the key's line until it is r's turn to ask the store. What leaves the line is to be called in any
// case. A request that may win when those before it may not stands in no line.
func (l *Locker) stand(ctx context.Context, r *request) (p *place, leave func(), err error) {
	if r.alone {
		return nil, func() {}, nil
	}
	p = l.lines.join(r.key)
	leave = func() { l.lines.leave(r.key, p) }
	select {
	case <-p.turn:
		return p, leave, nil
	case <-ctx.Done():
	case <-l.life.Done():
	}
	return p, leave, &WaitError{Key: r.key, Held: l.lines.held(p), Cause: l.ended(ctx)}
}
