package linear

import (
	"fmt"
	"slices"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// taking is an acquisition that a document lists, and between which instants it was made.
type taking struct {
	mongolock.HandOver
	after, before time.Duration
}

// takings are all acquisitions of a key, in the order of their tokens. The error says that some may be missing.
func takings(key string, pages []page) ([]taking, error) {
	var (
		all   []taking
		known = map[int64]bool{}
		since time.Duration // the last page that did not show what a later one shows
	)
	for _, p := range pages {
		history := p.documents[key].History
		if len(history) == 10 && !slices.ContainsFunc(history, func(h mongolock.HandOver) bool { return known[h.Token] }) {
			return nil, fmt.Errorf("key %s: more acquisitions than a document keeps between %v and %v", key, since, p.back)
		}
		for _, h := range history {
			if !known[h.Token] {
				known[h.Token] = true
				all = append(all, taking{h, since, p.back})
			}
		}
		since = p.call
	}
	slices.SortStableFunc(all, func(a, b taking) int { return int(a.Token - b.Token) })
	return all, nil
}

// over is when a lease was seen to be over.
func over(key string, token int64, pages []page) time.Duration {
	for _, p := range pages {
		if d, there := p.documents[key]; there && (d.Token > token || d.Token == token && d.State != held) {
			return p.back
		}
	}
	return forever
}

// noProof tells answers that a primary may give which is none any more.
func (o operation) noProof() bool {
	switch o.do {
	case read:
		return true
	case acquire:
		return o.got == held || o.got == done
	case renew:
		return o.got == lost
	case revoke, force:
		return o.got == idle || o.got == absent
	default:
		return false
	}
}

// settled is the history of one key with everything in it that took effect, or may have: acquisitions that nobody was told of
// come from the document, and calls without an effect or an answer are left out. ghosts are how many those acquisitions
// are. An error says what the document lists and nobody asked for.
//
// weak leaves out what is no proof on real members: what was not acknowledged by a majority as a write.
func settled(key string, all []operation, pages []page, owner func(client int) string, weak bool) (history []operation, ghosts int, err error) {
	list, err := takings(key, pages)
	if err != nil {
		return nil, 0, err
	}
	how := map[int64]string{}
	for _, t := range list {
		how[t.Token] = t.How
	}
	won := map[int64]bool{}
	for _, o := range all {
		switch {
		case o.key != key:
			continue
		case o.do == acquire && o.got == ok:
			won[o.token], o.how = true, how[o.token]
		case weak && o.noProof():
			continue
		case o.got == unknown:
			switch o.do {
			case finish:
				o.back = max(o.back, over(key, o.token, pages)) // after that it changes nothing
			case revoke, force:
				o.back = forever
			default: // a renewal that was not acknowledged keeps nobody out, and a ghost is found below
				continue
			}
		}
		history = append(history, o)
	}
	for _, t := range list {
		if won[t.Token] {
			continue
		}
		call, client := forever, 0
		for _, o := range all {
			// A late request may bring a key again to one who had acquired it, and given it back.
			if o.key == key && o.do == acquire && o.call <= t.before && owner(o.client) == t.Owner && o.token < t.Token {
				call, client = min(call, o.call), o.client
			}
		}
		if call == forever {
			return nil, 0, fmt.Errorf("key %s: its document lists an acquisition by %s with token %d, which nobody asked for", key, t.Owner, t.Token)
		}
		ghosts++
		// The lock takes it back as soon as it can.
		acquired := operation{client: client, key: key, do: acquire, got: ok, token: t.Token, how: t.How, call: max(call, t.after), back: t.before, ghost: true}
		history = append(history, acquired,
			operation{client: client, key: key, do: finish, got: unknown, token: t.Token, call: acquired.call, back: over(key, t.Token, pages)})
	}
	slices.SortFunc(history, func(a, b operation) int { return int(a.call - b.call) })
	return history, ghosts, nil
}
