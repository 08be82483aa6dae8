package faultproxy

import (
	"maps"
	"slices"
	"time"
)

// Action is what becomes of one request.
type Action int

// What OnRequest may answer.
const (
	Pass        Action = iota
	DropRequest        // the request is lost: the server never sees it, the client waits
	DropReply          // the server does it, the answer is lost, the client waits
	ResetReply         // the server does it, and the connection is reset in place of the answer
)

// Cut resets every connection and those to come.
func (p *Proxy) Cut() { p.change(func(s *state) { s.cut = true }) }

// Freeze lets nothing through, either way: connections are accepted, stay
// open, and hear nothing (half-open).
func (p *Proxy) Freeze() { p.change(func(s *state) { s.frozen = true }) }

// DropReplies lets requests through and loses every answer, those of the
// driver's monitor too.
func (p *Proxy) DropReplies() { p.change(func(s *state) { s.dropReplies = true }) }

// Delay holds everything back for d in each direction, so that a round trip
// takes twice as much longer. It counts for what arrives from now on.
func (p *Proxy) Delay(d time.Duration) { p.change(func(s *state) { s.delay = d }) }

// Forget makes every connection that is open now silent for good, as a
// balancer or a node does that forgets them: nothing more comes through, either way, and
// nobody is told. Those to come are as ever. No Heal brings them back.
func (p *Proxy) Forget() { p.each(func(l *link) { l.silent.Store(true) }) }

// ForgetReplies makes every connection that is open now lose its answers for good.
func (p *Proxy) ForgetReplies() { p.each(func(l *link) { l.deaf.Store(true) }) }

// Reset resets every connection that is open now. Those to come are as ever.
func (p *Proxy) Reset() { p.each(func(l *link) { l.reset() }) }

func (p *Proxy) each(do func(*link)) {
	p.mu.Lock()
	links := slices.Collect(maps.Keys(p.links))
	p.mu.Unlock()
	for _, l := range links {
		do(l)
	}
}

// Heal ends all faults but those of OnRequest.
func (p *Proxy) Heal() { p.change(func(s *state) { *s = state{} }) }

func (p *Proxy) change(change func(*state)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.state)
	if p.state.cut {
		p.resetAll()
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// now is which faults hold, and what is closed when that changes.
func (p *Proxy) now() (state, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.changed
}
