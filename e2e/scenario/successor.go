//go:build linux

package scenario

import (
	"context"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Succeed waits for a key from now on, as one who waits for it elsewhere does, and keeps it to the end of the scenario:
// a successor that costs no pod. took waits until it holds, and tells when it knew that.
func (s *Scenario) Succeed(key string) (took func(within time.Duration) time.Time) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var (
		lease *mongolock.Lease
		at    time.Time
		err   error
		ended = make(chan struct{})
	)
	go func() {
		defer close(ended)
		lease, err = s.DB.Acquire(ctx, key)
		at = time.Now()
	}()
	s.Cleanup(func() {
		cancel()
		<-ended
		if lease != nil {
			end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := lease.Release(end); err != nil {
				s.Errorf("giving %s back: %v", key, err)
			}
		}
	})
	return func(within time.Duration) time.Time {
		s.Helper()
		select {
		case <-ended:
		case <-time.After(within):
			s.Fatalf("nobody else had %s within %v: %s", key, within, jsonOf(s.Lock(key)))
		}
		if err != nil {
			s.Fatalf("taking %s: %v", key, err)
		}
		return at
	}
}
