package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/telemetry"
)

// StatusRight is the right that the pod's own status needs, in words.
const StatusRight = "get pods in its own namespace"

// asked is how long a question is looked after: who still wants to know asks again sooner.
const asked = 2 * time.Second

// Status reads the own pod, while somebody asks, and judges whether its workload has ended for good.
type Status struct {
	client   *Client
	marker   string
	failures *failureLog
	wait     func(n int) time.Duration
	worker

	mu     sync.Mutex
	until  time.Time // until when somebody wants to know
	read   bool      // the pod has been read
	ended  bool
	final  bool
	reason string // why it is no evidence, as last logged
}

// NewStatus reads the pod once, to learn whether its status can ever be evidence. The
// workload is what [judge] says, with the variable by which containers are marked. Close it.
func NewStatus(c *Client, marker string, told Told) *Status {
	// Calmly: on deletion the status does not change for as long as the gate lives.
	return newStatus(c, marker, told, func(n int) time.Duration { return pause(n, 200*time.Millisecond, 5*time.Second) })
}

func newStatus(c *Client, marker string, told Told, wait func(int) time.Duration) *Status {
	s := &Status{client: c, marker: marker, failures: &failureLog{Told: told, what: "status", right: StatusRight}, wait: wait}
	s.begin(s.run)
	return s
}

// Ended is true once the API has said that the workload has ended and is not
// started again. It does not wait: it has the API asked, and tells what is known.
func (s *Status) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := time.Now().After(s.until)
	s.until = time.Now().Add(asked)
	if idle && !s.ended {
		s.poke()
	}
	return s.ended
}

// Final is true where the pod is known to start nothing of its workload again, however that ends: then waiting for the evidence makes sense.
func (s *Status) Final() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.final
}

// Close ends it.
func (s *Status) Close() {
	s.end(0)
}

func (s *Status) run(ctx context.Context) {
	for looks := 0; ; {
		if s.needless() {
			looks = 0
			if !s.sleep(ctx, 0) {
				return
			}
			continue
		}
		err := s.look(ctx)
		if ctx.Err() != nil || errors.Is(err, errOtherPod) {
			return
		}
		looks++
		if !s.sleep(ctx, max(s.wait(looks), after(err))) {
			return
		}
	}
}

// needless is true where nobody wants to know, or it is known already.
func (s *Status) needless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || s.read && time.Now().After(s.until)
}

// look reads the pod and judges it.
func (s *Status) look(ctx context.Context) error {
	p, err := s.client.readPod(ctx)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		s.failures.failure(err)
		if answered(err, "NotFound") { // nobody will say how it ended
			return errOtherPod
		}
		return err
	}
	s.failures.success()
	verdict, ever := judge(p, s.client.pod, s.marker), provable(p, s.client.pod, s.marker)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read && ever != nil {
		telemetry.Warn(s.failures.Log, "the pod's status is no evidence: a container may be started again", "why", ever.Error())
	}
	s.read, s.ended, s.final = true, verdict == nil, ever == nil
	if verdict != nil && verdict.Error() != s.reason {
		s.reason = verdict.Error()
		s.failures.Log.V(1).Info("the pod's own status is no evidence", "why", s.reason)
	}
	if errors.Is(verdict, errOtherPod) {
		s.failures.Log.Error(verdict, "the pod's status is unusable as evidence")
	}
	return verdict
}
