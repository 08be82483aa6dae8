//go:build linux

package scenario

import (
	"context"
	"sync"
	"time"

	"github.com/mongogate/mongogate/test/must"

	"github.com/mongogate/mongogate/e2e/kube"
)

// controlTime is enough for a cluster to start on a busy machine.
const controlTime = 3 * time.Minute

// StopCluster kills everything of a cluster at once and keeps its data. It
// starts again when start is called, or at the end of the scenario.
func (s *Scenario) StopCluster(space *kube.Space) (start func()) {
	s.Helper()
	return s.undone(space.Stop, space.Start)
}

// Hold kills a component (lab.Kubelet…) and keeps it down until release is
// called, or to the end of the scenario.
func (s *Scenario) Hold(space *kube.Space, component string) (release func()) {
	s.Helper()
	return s.undone(
		func(ctx context.Context) error { return space.Hold(ctx, component) },
		func(ctx context.Context) error { return space.Release(ctx, component) })
}

// RestartComponent kills a component, which then comes back by itself.
func (s *Scenario) RestartComponent(space *kube.Space, component string) {
	s.Helper()
	s.undone(func(ctx context.Context) error { return space.Restart(ctx, component) }, nil)
}

// Drain moves the scenario's pods off a cluster's only node, as kubectl drain
// does. The node takes pods again when uncordon is called, or at the end of the scenario.
func (s *Scenario) Drain(space *kube.Space) (uncordon func()) {
	s.Helper()
	return s.undone(space.Drain, space.Uncordon)
}

// undone does something to a cluster, and returns what undoes it, once.
func (s *Scenario) undone(do, undo func(context.Context) error) func() {
	s.Helper()
	if !s.opts.Control {
		s.Fatal("this scenario does things to clusters: its Opts are to say Control")
	}
	var once sync.Once
	back := func() {
		once.Do(func() {
			if undo == nil {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), controlTime)
			defer cancel()
			if err := undo(ctx); err != nil {
				s.Error(err)
			}
		})
	}
	// First, for it may be half done when it fails.
	s.Cleanup(back)
	ctx, cancel := context.WithTimeout(s.Context(), controlTime)
	defer cancel()
	must.Do(s.T, do(ctx))
	return back
}
