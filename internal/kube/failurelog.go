package kube

import (
	"sync"

	"github.com/go-logr/logr"
)

// Told is where what a feature does is told.
type Told struct {
	Log logr.Logger
	// Failed is called for each call that failed; it must not block.
	Failed func()
	// Dropped is called for each Event that found no room in the queue; it must not block. It may be nil.
	Dropped func()
}

// failureLog writes the first of a row of failures, and the end of the row.
type failureLog struct {
	Told
	what, right string

	mu     sync.Mutex
	failed int
}

func (l *failureLog) failure(err error) {
	if l.Failed != nil {
		l.Failed()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed++; l.failed > 1 {
		l.Log.V(1).Info("a call to the Kubernetes API failed again", "call", l.what, "times", l.failed, "error", err.Error())
		return
	}
	kv := []any{"call", l.what}
	if r := remedy(err, l.right); r != "" {
		kv = append(kv, "remedy", r)
	}
	l.Log.Error(err, "a call to the Kubernetes API failed; the lock does not depend on it", kv...)
}

func (l *failureLog) success() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed > 0 {
		l.Log.Info("calls to the Kubernetes API succeed again", "call", l.what, "failed", l.failed)
	}
	l.failed = 0
}
