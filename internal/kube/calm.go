package kube

import (
	"sync"
	"time"

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

// calm writes the first of a row of failures, and the end of the row.
type calm struct {
	Told
	what, right string

	mu     sync.Mutex
	failed int
}

func (c *calm) failure(err error) {
	if c.Failed != nil {
		c.Failed()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed++; c.failed > 1 {
		c.Log.V(1).Info("a call to the Kubernetes API failed again", "call", c.what, "times", c.failed, "error", err.Error())
		return
	}
	kv := []any{"call", c.what}
	if r := remedy(err, c.right); r != "" {
		kv = append(kv, "remedy", r)
	}
	c.Log.Error(err, "a call to the Kubernetes API failed; the lock does not depend on it", kv...)
}

func (c *calm) success() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed > 0 {
		c.Log.Info("calls to the Kubernetes API succeed again", "call", c.what, "failed", c.failed)
	}
	c.failed = 0
}

// maxAfter is how long a feature leaves the API alone at most where the API asks for that, lest one odd answer ends it.
const maxAfter = 30 * time.Second

// pause is what passes after the n-th failure in a row, from one on.
func pause(n int, first, most time.Duration) time.Duration {
	return min(first<<min(n-1, 16), most)
}
