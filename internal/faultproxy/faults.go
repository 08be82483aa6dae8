package faultproxy

import "time"

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
