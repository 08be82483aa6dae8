package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

// Notice is news of a lock for people who look at the pod. Its reason is one of a few words.
type Notice struct {
	Reason, Text string
	// Warning is true where somebody should look.
	Warning bool
	// OfRun is true where it is about the run, and not about the pod alone.
	OfRun bool
}

// The reasons of notices.
const (
	LockWaiting      = "LockWaiting"
	LockAcquired     = "LockAcquired"
	LockTakenOver    = "LockTakenOver"
	LockLost         = "LockLost"
	LockReleased     = "LockReleased"
	RunSkipped       = "RunSkipped"
	RunDone          = "RunDone"
	StoreUnreachable = "StoreUnreachable"
)

// unreachableEvery is how often a store that comes and goes is news.
const unreachableEvery = 10 * time.Minute

// Notices tells the news of locks: what has changed, once. Errors of the store
// and connection strings are never in them, only keys and who holds them.
type Notices struct {
	tell  func(Notice)
	clock gate.Clock

	mu      sync.Mutex
	waiting map[string]string // by key, the last holder that was waited for
	lost    map[string]int64  // by key, the token of the lease that was told to be lost
	away    map[call]int      // calls in a row that were not acknowledged
	silent  time.Duration     // until when an unreachable store is no news
}

// NewNotices tells news to tell, which must not block.
func NewNotices(clock gate.Clock, tell func(Notice)) *Notices {
	return &Notices{tell: tell, clock: clock, waiting: map[string]string{}, lost: map[string]int64{}, away: map[call]int{}}
}

// Event tells what is news of what a lock says, but for an acquisition, of
// which [Notices.Acquired] knows more.
func (n *Notices) Event(e mongolock.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.Kind {
	case mongolock.EventWaiting:
		n.wait(e)
	case mongolock.EventAcquired:
		delete(n.waiting, e.Key)
		delete(n.away, call{e.Key, "acquire"})
	case mongolock.EventLost:
		n.loss(e.Key, e.Token, why(e.Err))
	case mongolock.EventUnknown:
		n.unreachable(e)
	case mongolock.EventRenewed:
		delete(n.away, call{e.Key, "renew"})
	case mongolock.EventSuccessor, mongolock.EventFinished, mongolock.EventDropped:
	}
}

// Shut tells that a gate has lost its lease, if the lease has not said so
// itself: a guard may have failed. The reason is that of the gate.
func (n *Notices) Shut(g gate.Grant, reason error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := reason.Error()
	if lost := new(mongolock.LostError); errors.As(reason, &lost) { // behind which the store's error stands
		text = why(reason)
	}
	n.loss(g.Key, g.Token, text)
}

func (n *Notices) loss(key string, token int64, reason string) {
	if n.lost[key] == token {
		return
	}
	n.lost[key] = token
	n.tell(Notice{Reason: LockLost, Warning: true, Text: fmt.Sprintf("lock %q is lost: %s", key, reason)})
}

func (n *Notices) wait(e mongolock.Event) {
	delete(n.away, call{e.Key, "acquire"})
	delete(n.away, call{e.Key, "read"})
	who := fmt.Sprint(e.Info.Owner, e.Info.Token)
	if n.waiting[e.Key] == who {
		return
	}
	n.waiting[e.Key] = who
	n.tell(Notice{Reason: LockWaiting, Text: fmt.Sprintf("waiting for lock %q, which %s holds", e.Key, name(*e.Info))})
}

// Acquired tells that a lock is held, and from whom it was taken, by what the
// store remembers of its acquisitions: nil where that is not known.
func (n *Notices) Acquired(key string, token int64, history []mongolock.HandOver) {
	text := fmt.Sprintf("lock %q is held, token %d", key, token)
	// Others may have followed since.
	at := slices.IndexFunc(history, func(h mongolock.HandOver) bool { return h.Token == token })
	how := ""
	if at >= 0 {
		how = history[at].How
	}
	switch how {
	case "taken-over", "expired":
		before := "another holder"
		if at > 0 {
			before = acquirer(history[at-1]) //nolint:gosec // at is an index, and above zero
		}
		n.tell(Notice{Reason: LockTakenOver, Warning: true, Text: fmt.Sprintf("lock %q was taken over from %s, who no longer renewed it; token %d", key, before, token)})
		return
	case "adopted":
		text += "; it was this pod's before"
	}
	n.tell(Notice{Reason: LockAcquired, Text: text})
}

func (n *Notices) unreachable(e mongolock.Event) {
	c := call{e.Key, e.Call}
	n.away[c]++
	now := n.clock.Now()
	// The second in a row: a single call that fails is repeated, and nothing to look at.
	if n.away[c] != 2 || now < n.silent {
		return
	}
	n.silent = now + unreachableEvery
	n.tell(Notice{Reason: StoreUnreachable, Warning: true, Text: fmt.Sprintf("the database does not acknowledge calls for lock %q (%s); the log of the gate says why", e.Key, e.Call)})
}

// Finished tells that the store has acknowledged the end of a lease. run is true for the key of one run, held where a run that failed stays with its Job.
func (n *Notices) Finished(key string, outcome gate.Outcome, run, held bool) {
	switch {
	case run && outcome == gate.Succeeded:
		n.tell(Notice{Reason: RunDone, OfRun: true, Text: fmt.Sprintf("run %q is done; nobody else runs it again", key)})
	case run && outcome == gate.Failed && held:
		n.tell(Notice{Reason: LockReleased, Text: fmt.Sprintf("run %q has failed; only the same Job runs it again", key)})
	default:
		n.tell(Notice{Reason: LockReleased, Text: fmt.Sprintf("lock %q was given back", key)})
	}
}

// Skipped tells that a run is left to others, and to whom.
func (n *Notices) Skipped(text string) {
	n.tell(Notice{Reason: RunSkipped, OfRun: true, Text: text})
}

// DoneBy says that a run is left alone because it is done, and who did it, by what the store remembers.
func DoneBy(e *mongolock.DoneError, history []mongolock.HandOver) string {
	text := "skipped: " + e.Error()
	if last := len(history) - 1; last >= 0 {
		text += "; the run was held by " + acquirer(history[last])
	}
	return text
}

func acquirer(h mongolock.HandOver) string {
	return name(mongolock.Info{Owner: h.Owner, Holder: mongolock.Holder{Cluster: h.Cluster, Pod: h.Pod}})
}

// name is a holder for people.
func name(i mongolock.Info) string {
	who := printable.Text(i.Owner, printable.Name)
	if who == "" {
		who = "somebody"
	}
	if where := i.Where(); where != "" {
		who += " (" + where + ")"
	}
	return who
}

// why is a loss in words, without the error of the store that may be behind it.
func why(err error) string {
	var lost *mongolock.LostError
	if !errors.As(err, &lost) {
		return "see the log of the gate"
	}
	switch lost.Reason {
	case mongolock.LostDeadline:
		return "no renewal was acknowledged before the deadline"
	case mongolock.LostRevoked:
		return "an operator revoked it"
	case mongolock.LostTwin:
		return "another process renews the same lease, a copy of this one"
	case mongolock.LostClosed:
		return "the process that renewed it has ended"
	case mongolock.LostTaken:
	}
	return "the store no longer has this lease"
}
