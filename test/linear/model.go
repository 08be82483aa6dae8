package linear

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// state is what a key is, in the abstract.
type state struct {
	is    outcome // absent, free, held or done
	token int64   // of the last acquisition
	// renewed is when the holder last began a call that was acknowledged. A ghost has none: who saw the same nonce before takes its key at once.
	renewed time.Duration
	revoked bool  // the holder is
	ended   int64 // the token of the lease that ended last, by its holder or by force
	// revocations and forced are the tokens of leases that were revoked, and of those that an operator ended by force.
	revocations, forced tokens
}

// tokens is a set.
type tokens string

func (t tokens) has(token int64) bool { return strings.Contains(string(t), fmt.Sprintf(" %d,", token)) }

func (t tokens) and(token int64) tokens {
	if t.has(token) {
		return t
	}
	return t + tokens(fmt.Sprintf(" %d,", token))
}

// model is a lock whose holders may be replaced once they have been silent for so long.
func model(silence time.Duration) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{is: absent} },
		Step: func(s, input, _ any) (bool, any) {
			o, before := input.(operation), s.(state)
			if next, legal := before.after(o, silence); legal {
				return true, next
			}
			return o.pending, before
		},
		DescribeOperation: func(input, _ any) string { return input.(operation).String() },
		DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
	}
}

// after is the state after an operation, if it could have that outcome.
func (s state) after(o operation, silence time.Duration) (next state, legal bool) {
	mine := s.is == held && s.token == o.token
	switch o.do {
	case acquire:
		return s.acquired(o, silence)
	case renew:
		switch o.got {
		case ok:
			s.renewed = max(s.renewed, o.call)
			return s, mine && !s.revoked
		case lost:
			return s, !mine
		case revoked:
			return s, s.revocations.has(o.token)
		}
	case finish:
		return s.finished(o, mine)
	case revoke:
		switch o.got {
		case ok:
			return s.asked(), s.is == held && s.token == o.shown
		case unknown:
			return s.asked(), true
		case idle:
			return s, s.is != held
		case absent:
			return s, s.is == absent
		}
	case force:
		switch o.got {
		case ok:
			return s.freed(), s.is != absent && s.token == o.shown
		case unknown:
			return s.freed(), true
		case absent:
			return s, s.is == absent
		}
	case read:
		return s, s.is == o.got && s.token == o.shown && s.revoked == o.isRevoked
	case rely:
		return s, mine || s.forced.has(o.token)
	}
	return s, false
}

func (s state) acquired(o operation, silence time.Duration) (state, bool) {
	switch o.got {
	case held:
		return s, s.is == held && s.token == o.shown && s.revoked == o.isRevoked
	case done:
		return s, s.is == done
	case ok:
	default:
		return s, false
	}
	free := s.is == absent || s.is == free
	silent := s.is == held && o.back >= s.renewed+silence
	switch o.how {
	case "free":
		silent = false
	case "taken-over":
		free = false
	case "":
	default:
		return s, false
	}
	s.is, s.renewed, s.revoked = held, o.call, false
	if o.ghost {
		s.renewed = -silence
	}
	legal := (free || silent) && o.token > s.token
	s.token = o.token
	return s, legal
}

// finished: who has ended its lease once may be told so again, also where an operator has done it. A lease that was
// lost may have been ended by a first request of the same call, which got no answer.
func (s state) finished(o operation, mine bool) (state, bool) {
	before := s
	if mine {
		s.is, s.revoked, s.ended = free, false, o.token
		if o.leavesRecord {
			s.is = done
		}
	}
	switch o.got {
	case ok:
		again := before.ended == o.token && (!o.leavesRecord || before.is == done)
		return s, mine || again
	case lost, unknown:
		return s, true
	}
	return s, false
}

func (s state) asked() state {
	if s.is == held {
		s.revoked, s.revocations = true, s.revocations.and(s.token)
	}
	return s
}

func (s state) freed() state {
	if s.is == held {
		s.ended, s.forced = s.token, s.forced.and(s.token)
	}
	if s.is != absent {
		s.is, s.revoked = free, false
	}
	return s
}
