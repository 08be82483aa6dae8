//go:build linux

package guard

import (
	"math"
	"time"
)

// never is an instant that does not come.
const never = time.Duration(math.MaxInt64)

// stop decides when the tree is to be stopped. It is arithmetic on absolute
// instants of CLOCK_BOOTTIME only: whoever asks late gets the later answer.
type stop struct {
	killAfter time.Duration
	deadline  time.Duration // the newest that was told; zero before the first
	lost      bool          // the deadline has passed or the gate has died; no later news reopens
	term      time.Duration // SIGTERM from here on
	kill      time.Duration // SIGKILL from here on
}

func newStop(killAfter time.Duration) *stop {
	return &stop{killAfter: killAfter, term: never, kill: never}
}

// by brings the stop forward, never back.
func (s *stop) by(term, kill time.Duration) {
	s.term, s.kill = min(s.term, term), min(s.kill, kill)
}

// extend takes a later deadline, unless the lease has been judged lost. It
// comes before the judgement: a renewal that was sent in time counts, however
// late we wake and read it. An earlier deadline changes nothing.
func (s *stop) extend(now, deadline time.Duration) (holds bool) {
	if !s.lost {
		s.deadline = max(s.deadline, deadline)
		s.look(now)
	}
	return !s.lost
}

// look judges the deadline.
func (s *stop) look(now time.Duration) {
	if !s.lost && s.deadline > 0 && now >= s.deadline {
		s.lost = true
		s.by(s.deadline, s.deadline+s.killAfter)
	}
}

// gateGone: SIGTERM at once, SIGKILL no later than the deadline would have brought it.
func (s *stop) gateGone(now time.Duration) {
	s.lost = true
	s.by(now, min(now, s.deadline)+s.killAfter)
}

// leftover: the command has ended by itself and others of its tree have not.
func (s *stop) leftover(now time.Duration) {
	s.by(now, now+s.killAfter)
}

// order is what is to be done at an instant.
type order int

const (
	orderNone order = iota
	orderTerminate
	orderKill
)

func (s *stop) at(now time.Duration) order {
	s.look(now)
	switch {
	case now >= s.kill:
		return orderKill
	case now >= s.term:
		return orderTerminate
	default:
		return orderNone
	}
}

// next is the instant at which the order may change.
func (s *stop) next(now time.Duration) time.Duration {
	next := never
	for _, t := range []time.Duration{s.deadline, s.term, s.kill} {
		if t > now {
			next = min(next, t)
		}
	}
	return next
}
