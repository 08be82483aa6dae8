package kube

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/printable"
)

// Event is something that people should see in kubectl describe.
type Event struct {
	Reason, Message string
	// Warning makes it stand out; otherwise it is normal.
	Warning bool
	// OfJob writes it to the pod's Job as well, where that is known.
	OfJob bool
}

const (
	// queued is how many events wait at most.
	queued = 32
	// flushWithin is how long a gate that ends goes on to say what waits.
	flushWithin = 2 * time.Second
	// maxMessage is what events.k8s.io allows for a note, of which core/v1 is another view.
	maxMessage = 1024
)

// EventsRight is the right that Events need, in words.
const EventsRight = "create events (in the core group) in its own namespace"

// Events writes Events, one after another and beside everything else.
type Events struct {
	client   *Client
	failures *failureLog
	wait     func(n int) time.Duration
	worker

	mu      sync.Mutex
	queue   []object // the first may be on its way
	first   int      // how many have left the queue
	closing bool
}

// NewEvents begins to write Events. Close it.
func NewEvents(c *Client, told Told) *Events {
	return newEvents(c, told, func(n int) time.Duration { return pause(n, time.Second, 30*time.Second) })
}

func newEvents(c *Client, told Told, wait func(int) time.Duration) *Events {
	e := &Events{client: c, failures: &failureLog{Told: told, what: "event", right: EventsRight}, wait: wait}
	e.begin(e.run)
	return e
}

// Write queues an Event. It does not wait; where too many are queued the oldest is dropped.
func (e *Events) Write(ev Event) {
	now := time.Now() // a date for people
	pod := e.client.pod
	list := []object{event(pod, reference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}, ev, now)}
	if ev.OfJob && pod.JobName != "" && pod.JobUID != "" {
		list = append(list, event(pod, reference{APIVersion: "batch/v1", Kind: "Job", Namespace: pod.Namespace, Name: pod.JobName, UID: pod.JobUID}, ev, now))
	}
	e.mu.Lock()
	e.queue = append(e.queue, list...)
	for len(e.queue) > queued {
		e.queue = e.queue[1:]
		e.first++
		if e.failures.Dropped != nil {
			e.failures.Dropped()
		}
	}
	e.mu.Unlock()
	e.poke()
}

// Close tries once more, and not for long, to write what is queued, and ends.
func (e *Events) Close() {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.end(flushWithin)
}

func (e *Events) run(ctx context.Context) {
	for failed := 0; ; {
		o, at, closing := e.next()
		if o == nil {
			if closing || !e.sleep(ctx, 0) {
				return
			}
			continue
		}
		err := call(ctx, e.client.own(e.client.post(), coreAPI, "events"), o, nil)
		switch {
		case err == nil || answered(err, "AlreadyExists"): // an earlier try has written it
			e.failures.success()
			failed = 0
			e.done(at)
			continue
		case answered(err, "BadRequest", "Invalid", "NotFound", "RequestEntityTooLarge"): // no repetition mends it
			e.failures.failure(err)
			e.done(at)
			continue
		case ctx.Err() != nil:
			return
		}
		e.failures.failure(err)
		if closing {
			return
		}
		failed++
		if !e.sleep(ctx, max(e.wait(failed), after(err))) {
			return
		}
	}
}

// next is the oldest event, and which it is.
func (e *Events) next() (o object, at int, closing bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		return nil, e.first, e.closing
	}
	return e.queue[0], e.first, e.closing
}

// done takes an event out of the queue, unless it was dropped meanwhile.
func (e *Events) done(at int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at == e.first && len(e.queue) > 0 {
		e.queue = e.queue[1:]
		e.first++
	}
}

// object is JSON on its way.
type object map[string]any

type reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// event is an Event of core/v1 rather than of events.k8s.io/v1, which is another view of the same: only there has it the
// fields that every kubectl shows. Its name is made here, so that a repeated call writes it once.
func event(pod Pod, about reference, ev Event, now time.Time) object {
	kind := "Normal"
	if ev.Warning {
		kind = "Warning"
	}
	at := now.UTC().Format(time.RFC3339)
	return object{
		"apiVersion": "v1", "kind": "Event",
		"metadata":       object{"namespace": pod.Namespace, "name": clipName(about.Name) + "." + strings.ToLower(rand.Text())},
		"involvedObject": about,
		"reason":         ev.Reason, "message": printable.Text(ev.Message, maxMessage), "type": kind,
		"firstTimestamp": at, "lastTimestamp": at, "count": 1,
		"source":             object{"component": "mongogate", "host": pod.Node},
		"reportingComponent": "mongogate.dev/gate", "reportingInstance": pod.Name,
	}
}

// clipName leaves room for what makes the name of an Event unique: names have 253 characters.
func clipName(name string) string {
	return strings.TrimRight(name[:min(len(name), 220)], "-.")
}
