package kube

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mongogate/mongogate/internal/telemetry"
)

// LabelRight is the right that the label needs, in words.
const LabelRight = "patch pods in its own namespace"

// applyWithin is how long an API server may go on with a request whose client has
// gone (its --request-timeout, 60 s unless somebody changed it), and a margin.
const applyWithin = 65 * time.Second

// Label keeps a label on the own pod: the value true while it is wanted, and
// no label otherwise, also from the beginning. It is set to rights as long as it takes.
type Label struct {
	client   *Client
	key      string
	failures *failureLog
	wait     func(n int) time.Duration
	again    time.Duration
	worker

	mu      sync.Mutex
	wanted  bool
	known   bool // what the API has is have
	have    bool
	gone    bool // the pod is not there any more
	closing bool
	changed chan struct{} // closed at the next change of what is known
}

// NewLabel takes the label off the pod and keeps it as it is told. Close it.
func NewLabel(c *Client, key string, told Told) *Label {
	return newLabel(c, key, told, func(n int) time.Duration { return pause(n, 250*time.Millisecond, 10*time.Second) }, applyWithin)
}

func newLabel(c *Client, key string, told Told, wait func(int) time.Duration, again time.Duration) *Label {
	l := &Label{
		client: c, key: key, failures: &failureLog{Told: told, what: "label", right: LabelRight},
		wait: wait, again: again, changed: make(chan struct{}),
	}
	l.begin(l.run)
	return l
}

// Set says whether the pod is to have the label. It does not wait.
func (l *Label) Set(wanted bool) {
	l.mu.Lock()
	l.wanted = wanted
	l.mu.Unlock()
	l.poke()
}

// Settled waits until the API has what is wanted, or ctx ends, or the pod is gone.
func (l *Label) Settled(ctx context.Context) {
	for {
		l.mu.Lock()
		settled, changed := l.gone || l.known && l.have == l.wanted, l.changed
		l.mu.Unlock()
		if settled {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.done:
			return
		case <-changed:
		}
	}
}

// Close takes the label off, if that is done soon, and ends.
func (l *Label) Close() {
	l.mu.Lock()
	l.wanted, l.closing = false, true
	l.mu.Unlock()
	l.end(flushWithin)
}

func (l *Label) run(ctx context.Context) {
	failed := 0
	// Until then a call that was given up may still be carried out; at first, one of a gate before this one that was killed.
	overtaken := time.Now().Add(l.again)
	for {
		want, settled, closing := l.look()
		switch {
		case settled && closing:
			return
		case settled && overtaken.IsZero():
			if !l.sleep(ctx, 0) {
				return
			}
			continue
		case settled && time.Now().Before(overtaken):
			if !l.sleep(ctx, time.Until(overtaken)) {
				return
			}
			continue
		case settled: // say it once more, now that nothing older can come after it
			overtaken = time.Time{}
		}
		l.learn(false, false) // until it is answered, the API may have either
		err := l.patch(ctx, want)
		if err == nil {
			failed = 0
			l.failures.success()
			l.learn(true, want)
			continue
		}
		if ctx.Err() != nil || l.leaves(err) {
			return
		}
		failed++
		l.failures.failure(err)
		if codeOf(err) == 0 {
			overtaken = time.Now().Add(l.again)
		}
		if closing || !l.sleep(ctx, max(l.wait(failed), after(err))) {
			return
		}
	}
}

// leaves gives the label up where the API server says that the pod is gone, or is another one.
func (l *Label) leaves(err error) bool {
	if !answered(err, "BadRequest", "Invalid", "NotFound") {
		return false
	}
	l.failures.failure(err)
	telemetry.Warn(l.failures.Log, "giving up on the pod's label", "label", l.key, "why", err.Error())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	close(l.changed)
	l.changed = make(chan struct{})
	return true
}

func (l *Label) look() (want, settled, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted, l.known && l.have == l.wanted, l.closing
}

func (l *Label) learn(known, have bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.have = known, have
	close(l.changed)
	l.changed = make(chan struct{})
}

// patch sets the label or takes it off. To a pod of another UID the API server
// answers that it is invalid, which controllers rely on as well (controller_ref_manager.go).
func (l *Label) patch(ctx context.Context, want bool) error {
	var value any
	if want {
		value = "true"
	}
	pod := l.client.pod
	body := object{"metadata": object{"uid": pod.UID, "labels": object{l.key: value}}}
	return call(ctx, l.client.own(l.client.rest.Patch(types.MergePatchType), coreAPI, "pods").Name(pod.Name), body, nil)
}
