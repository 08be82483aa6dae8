package linear

import (
	"fmt"
	"math"
	"time"
)

// action is what a client does.
type action string

const (
	acquire action = "acquire"
	renew   action = "renew"
	finish  action = "finish"
	revoke  action = "revoke"
	force   action = "force"
	read    action = "read"
	// rely is no call: the client asks its lease whether it may be relied on, and is told that it may.
	rely action = "rely"
)

// outcome is what an action came to.
type outcome string

const (
	unknown outcome = "unknown" // no answer
	odd     outcome = "odd"     // an error that the lock does not promise
	ok      outcome = "ok"
	held    outcome = "held"
	done    outcome = "done"
	free    outcome = "free"
	absent  outcome = "absent"
	idle    outcome = "nobody holds it"
	lost    outcome = "lost"
	revoked outcome = "lost by a revocation"
)

// forever is the end of a call that may take effect at any time.
const forever = time.Duration(math.MaxInt64)

// operation is one action of a client on a key.
type operation struct {
	client int
	key    string
	do     action
	got    outcome
	// token is that of the lease which is acquired, renewed, finished or relied on.
	token int64
	// leavesRecord: the end of the lease is to leave a done record.
	leavesRecord bool
	// shown is the token in the answer of a refusal, a read, a revocation; isRevoked what it says of the holder.
	shown     int64
	isRevoked bool
	// how an acquisition took the key, by the document's own list.
	how string
	// ghost: nobody was told of the acquisition, and nobody relies on it.
	ghost      bool
	call, back time.Duration
	// pending: it had not ended when the history was cut off.
	pending bool
	err     error
}

func (o operation) String() string {
	back := "…"
	if o.back != forever {
		back = fmt.Sprintf("%.4f", o.back.Seconds())
	}
	s := fmt.Sprintf("%8.4f to %8s  client %d: %s", o.call.Seconds(), back, o.client, o.do)
	if o.leavesRecord {
		s += " as done"
	}
	if o.token != 0 {
		s += fmt.Sprintf(" with token %d", o.token)
	}
	if s += ": " + string(o.got); o.pending {
		s += " later"
	}
	if o.shown != 0 {
		s += fmt.Sprintf(", token %d", o.shown)
	}
	if o.isRevoked {
		s += ", revoked"
	}
	if o.ghost {
		s += ", which nobody was told"
	}
	if o.how != "" {
		s += ", " + o.how
	}
	if o.err != nil {
		s += fmt.Sprintf(" (%v)", o.err)
	}
	return s
}
