//go:build linux

package scenario_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
)

// A command, or what it has started, stops or kills everybody whom it may, or stops its gate and guard, with a process
// namespace of the container and of the pod; at that moment the database is cut off. All of it is gone before the next
// holder. E2E_ATTACKS is how often each is tried.
func TestLossByAttack(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	n := times(t, "E2E_ATTACKS", 1)
	for i, how := range []string{"stop-all", "kill-all", "stop-gate"} {
		for _, by := range []string{"command", "descendant"} {
			for _, c := range []struct {
				name string
				gate kube.Values
			}{
				{"", nil},
				{"-shared", shared},
			} {
				t.Run(how+"-by-"+by+c.name, func(t *testing.T) {
					args := []any{"-fork=1", "-attack=" + how}
					if by == "descendant" {
						args = append(args, "-attack-by-child")
					}
					attacked(t, "ab"[i%2:i%2+1], n, gated("run", c.gate).With(kube.Values{"args": args}))
				})
			}
		}
	}
	// Where nothing keeps the command from its gate and guard their kernel timers are left.
	for _, by := range [][]any{{"-attack=stop-all"}, {"-attack=stop-gate", "-attack-by-child"}} {
		t.Run("timers-alone-"+by[0].(string)[len("-attack="):], func(t *testing.T) { //nolint:forcetypeassert // written above
			attacked(t, "b", n, gated("run", shared, kube.Values{"isolation": "none"}).With(kube.Values{"args": append([]any{"-fork=1"}, by...)}))
		})
	}
}

// attacked has n pods do what they were told at once.
func attacked(t *testing.T, cluster string, n int, values kube.Values) {
	t.Helper()
	s := scenario.New(t, scenario.Opts{Clusters: cluster, TTL: 15 * time.Second})
	in := s.A
	if in == nil {
		in = s.B
	}
	all := crowd(s, in, scenario.Release, n, false, values)
	awaited(all)
	attackers := make([][]proctree.Process, n) // found before, for a look at the whole machine takes its time
	for i, m := range all {
		attackers[i] = m.pod.Processes(kube.Main)
	}
	in.DB.Cut() // who could not be stopped loses the lease by this
	for i, m := range all {
		m.since = time.Now()
		for _, p := range attackers[i] {
			if err := p.Signal(syscall.SIGUSR1); err != nil && !errors.Is(err, proctree.ErrGone) { // one may have killed the other already
				t.Fatal(err)
			}
		}
	}
	for _, m := range all {
		m.gone("attack")
	}
	s.Logf("%d of %d", n, n)
}
