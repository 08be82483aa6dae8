//go:build linux

package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// A file system that hangs holds up neither what the gate does nor its end.
func TestAStateDirectoryThatHangs(t *testing.T) {
	r, w := recorded(t, fail(t))
	hang := make(chan struct{})
	r.mu.Lock() // before the loop looks
	r.write = func(statedir.Lease) error {
		<-hang
		return nil
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Start(gate.Grant{Key: "key", Token: 7, Deadline: 100})
		r.Extend(200)
		r.Warn("lost")
		r.Close()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the end of the gate waits for the file")
	}
	if len(w.seen) != 1 {
		t.Errorf("the workload was started %d times", len(w.seen))
	}
	close(hang)
	r.loop.Wait()
}

func TestWithin(t *testing.T) {
	hang := make(chan struct{})
	ended := make(chan struct{})
	err := within(10*time.Millisecond, func() error {
		defer close(ended)
		<-hang
		return nil
	})
	if !errors.Is(err, errHangs) {
		t.Errorf("%v", err)
	}
	close(hang)
	<-ended
	failed := errors.New("no space")
	if err := within(time.Minute, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
