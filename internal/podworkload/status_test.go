//go:build linux

package podworkload

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// told is a pod's status as a test tells it.
type told struct{ ended, final atomic.Bool }

func (s *told) Ended() bool { return s.ended.Load() }
func (s *told) Final() bool { return s.final.Load() }

func withStatus(t *testing.T, cfg Config) (*Workload, *told) {
	t.Helper()
	s := &told{}
	cfg.Status = s
	w := start(t, cfg, nil)
	if w.targets != nil {
		t.Skip("not shown here: there is a shared process namespace")
	}
	if !strings.Contains(w.Evidence(), "status") {
		t.Errorf("evidence: %q", w.Evidence())
	}
	w.Start(gate.Grant{Token: 1})
	return w, s
}

// Asked to end, the gate believes the pod's status; before that an ended workload is none of its business.
func TestStatusIsEvidence(t *testing.T) {
	w, s := withStatus(t, config(t))
	w.Stop()
	goneIs(t, w, false)
	s.ended.Store(true)
	goneIs(t, w, true)

	w, s = withStatus(t, config(t))
	s.ended.Store(true)
	goneIs(t, w, false)
	w.Stop()
	goneIs(t, w, true)
}

// After a loss the gate waits for a status that can come, and leaves where none can.
func TestStatusAfterALoss(t *testing.T) {
	for _, final := range []bool{true, false} {
		cfg := config(t)
		var left atomic.Int32
		cfg.Leave = func() { left.Add(1) }
		w, s := withStatus(t, cfg)
		s.final.Store(final)
		lose(w)
		if gone := left.Load() > 0; gone == final {
			t.Errorf("final %v: the gate has left: %v", final, gone)
		}
		goneIs(t, w, false)
		s.ended.Store(true)
		goneIs(t, w, true)
	}
}

// A follower who has not given its word may run in a container that the status says nothing of.
func TestFollowersWordBeforeTheStatus(t *testing.T) {
	_, f, cfg := followed(t)
	s := &told{}
	cfg.Status = s
	w, l := startFollowed(t, cfg, f)
	s.ended.Store(true)
	s.final.Store(true)
	w.Stop()
	goneIs(t, w, false)
	must.Do(t, l.Finish(t.Context(), gate.Unbegun))
	goneIs(t, w, true)
}

// Who sees the processes believes them, and not what is said of them.
func TestProcessesBeforeTheStatus(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	cfg := config(t)
	s := &told{}
	s.ended.Store(true)
	cfg.Status = s
	w := start(t, cfg, nil)
	w.Start(gate.Grant{Token: 1})
	c := container(t, "work", "exec sleep 1000")
	w.Stop()
	goneIs(t, w, false)
	_ = c.Process.Kill()
	goneIs(t, w, true)
}
