package mongolock

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrLost is what a lease ends with that was not finished by its holder. It is always inside a [*LostError].
	ErrLost = errors.New("lock lost")
	// ErrFinished is what a lease ends with that its holder released or marked as done.
	ErrFinished = errors.New("lease finished")
	// ErrClosed is returned by a Locker that has been closed.
	ErrClosed = errors.New("locker closed")
	// ErrUnknown means that the store did not say whether it did what was asked.
	ErrUnknown = errors.New("the store did not acknowledge")
	// ErrUnavailable means that the store was not reached, did not answer in time or has no primary, or that the client
	// has been disconnected. What it is in is an ErrUnknown as well.
	ErrUnavailable = fmt.Errorf("the store is not available: %w", ErrUnknown)
	// ErrConfig marks what no repetition mends: options, URIs, keys that are wrong.
	ErrConfig = errors.New("bad configuration")
)

// HeldError says that somebody else holds the key.
type HeldError struct {
	Info Info
	// Moving is true where the holder was seen to renew: it is alive.
	Moving bool
}

func (e *HeldError) Error() string { return e.Info.heldLine() }

// DoneError says that the run which the key stands for is done already.
type DoneError struct{ Info Info }

func (e *DoneError) Error() string {
	d := e.Info.Done
	if d == nil {
		return fmt.Sprintf("%q is done", shownKey(e.Info.Key))
	}
	return fmt.Sprintf("%q is done: %s by %s at %s", shownKey(e.Info.Key), shownName(d.Outcome), shownName(d.By), d.At.UTC().Format(time.RFC3339))
}

// FormatError says that the document under the key is not one that this version may touch.
type FormatError struct {
	Key      string
	Problems []string
}

// mendIt ends the list of what is wrong with a document.
const mendIt = "nobody may take or change it until it has been mended or deleted by hand"

func (e *FormatError) Error() string {
	return fmt.Sprintf("the document of lock %q cannot be used: %s", e.Key, strings.Join(e.Problems, "; "))
}

// LossReason says how a lease was lost.
type LossReason string

// The ways in which a lease is lost.
const (
	LostDeadline LossReason = "deadline" // no renewal was acknowledged in time
	LostRevoked  LossReason = "revoked"  // an operator asked the holder to give it up
	LostTaken    LossReason = "taken"    // the document is somebody else's, gone, or not as the lease left it
	LostTwin     LossReason = "twin"     // another process renews the same lease: a cloned or resumed machine
	LostClosed   LossReason = "closed"   // the Locker was closed while the lease was held
)

// LostError says why a lease was lost. errors.Is(err, ErrLost) holds.
type LostError struct {
	Key    string
	Reason LossReason
	// What is what the document shows that the lease did not write, if that is known.
	What string
	// Last is the error of the last renewal that was not acknowledged, if any.
	Last error
}

func (e *LostError) Error() string {
	s := map[LossReason]string{
		LostDeadline: "no renewal was acknowledged before the deadline",
		LostRevoked:  "an operator revoked it",
		LostTaken:    "the store no longer has this lease",
		LostTwin:     "another process renews it too: a copy of this one (a cloned or resumed machine, a restored checkpoint)",
		LostClosed:   "nobody renews it any more",
	}[e.Reason]
	if e.What != "" {
		s += ": " + e.What
	}
	if e.Last != nil {
		return fmt.Sprintf("lock %q lost: %s (%v)", e.Key, s, e.Last)
	}
	return fmt.Sprintf("lock %q lost: %s", e.Key, s)
}

// Is makes errors.Is(err, ErrLost) true.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap gives the last error of the store.
func (e *LostError) Unwrap() error { return e.Last }

// WaitError says that waiting for a key ended without it.
type WaitError struct {
	Key string
	// Held is who was seen to hold it last, or nil.
	Held *HeldError
	// Store is the last call's error where the store did not answer at the end, or nil.
	Store error
	// Cause is why the waiting ended: the context's cause.
	Cause error
}

func (e *WaitError) Error() string {
	switch {
	case e.Store != nil:
		return fmt.Sprintf("waiting for lock %q: %v; the store: %v", e.Key, e.Cause, e.Store)
	case e.Held != nil:
		return fmt.Sprintf("waiting for lock %q: %v; %v", e.Key, e.Cause, e.Held)
	default:
		return fmt.Sprintf("waiting for lock %q: %v", e.Key, e.Cause)
	}
}

// Unwrap gives all parts, so that errors.Is and errors.As find each.
func (e *WaitError) Unwrap() []error {
	errs := []error{e.Cause}
	if e.Held != nil {
		errs = append(errs, e.Held)
	}
	if e.Store != nil {
		errs = append(errs, e.Store)
	}
	return errs
}
