//go:build linux

package scenario_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/faultproxy"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// The holder's cluster is cut off from the database and the other is not: main
// runs for as long as the lease allows and no longer, the other cluster takes
// over, and what was cut off stands by when it is back, in the container that it
// was in. Events in both clusters say what has happened.
func TestHandOverOnLostDatabase(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	for _, c := range []struct {
		name, protection string
		fault            func(*faultproxy.Proxy)
	}{
		{"silent", "run", (*faultproxy.Proxy).Freeze},
		{"reset", "run", (*faultproxy.Proxy).Cut},
		{"answers-lost", "run", (*faultproxy.Proxy).DropReplies},
		{"silent-follow", "follow", (*faultproxy.Proxy).Freeze},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := inTwo(t, scenario.Opts{TTL: lossTTL}, gated(c.protection, events))
			p.a.WaitReady(slow)
			cut := time.Now()
			c.fault(p.A.DB)
			gone := p.lost("database-lost", c.name, cut)
			p.notEarly(gone)
			p.a.Wait("is not ready", slow, isNotReady)
			next := p.AwaitRun(p.b, p.TakenOver())
			p.Figure("database-lost-to-successor-running-"+c.name, next.Start.Sub(cut))
			p.watched(gone, next)

			p.A.DB.Heal()
			// The second time in this log: the first holder is now the standby of the second.
			p.a.WaitLog(gateOf(p.a), `"holder":"`+p.b.Name+`"`, slow)
			p.a.Wait("is not ready", slow, isNotReady)
			p.notRestarted()
			if runs := p.Runs(); len(runs) != 2 {
				t.Errorf("UNSAFE: nobody else was to run: %v", runs)
			}
			p.toldOfLoss()
			p.B.Scale(scenario.Release, 0)
			p.b.WaitEvent("Normal LockReleased", slow)
		})
	}
}

// events let gates write Events.
var events = kube.Values{"kube": kube.Values{"events": true}} //nolint:gochecknoglobals // values, never changed

func isNotReady(pod *corev1.Pod) bool { return !kube.IsReady(pod) }

// notRestarted fails the test if a container of the first holder, as it was last
// seen, was started again.
func (p *pair) notRestarted() {
	p.Helper()
	for _, c := range slices.Concat(p.a.Status.InitContainerStatuses, p.a.Status.ContainerStatuses) {
		if c.RestartCount != 0 {
			p.Errorf("container %s was restarted %d times", c.Name, c.RestartCount)
		}
	}
}

// toldOfLoss waits for the Events of a holder that lost its database, and of
// its successor. What they say of the other names its pod.
func (p *pair) toldOfLoss() {
	p.Helper()
	for _, want := range []struct {
		pod          *kube.Pod
		event, names string
	}{
		{p.a, "Normal LockAcquired", p.Key},
		{p.a, "Warning StoreUnreachable", p.Key},
		{p.a, "Warning LockLost", p.Key},
		{p.a, "Normal LockWaiting", p.b.Name},
		{p.b, "Normal LockWaiting", p.a.Name},
		{p.b, "Warning LockTakenOver", p.a.Name},
	} {
		if message := want.pod.WaitEvent(want.event, slow); !strings.Contains(message, want.names) {
			p.Errorf("the Event %s does not name %s: %s", want.event, want.names, message)
		}
	}
}

// The database is lost to everybody: nobody runs, until it is back.
func TestHandOverOnOutageForAll(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: lossTTL}, gated("run"))
	lost := time.Now()
	p.A.DB.Freeze()
	p.B.DB.Freeze()
	gone := p.lost("outage", "run", lost)
	p.notEarly(gone)
	p.b.WaitLog("main", "the store did not acknowledge", slow)

	back := time.Now()
	p.A.DB.Heal()
	p.B.DB.Heal()
	next := p.Await(p.Key, p.TakenOver(), func(r witness.Run) bool { return r.Start.After(gone.Gone) && r.Alive() })
	if next.Start.Before(back) {
		t.Errorf("UNSAFE: ran %v before the database was back: %v", back.Sub(next.Start), next)
	}
	p.Figure("outage-over-to-running", next.Start.Sub(back))
}

// An outage that is shorter than the lease stops nobody.
func TestShortOutageStopsNobody(t *testing.T) {
	p := inTwo(t, scenario.Opts{TTL: 20 * time.Second}, gated("run"))
	before := p.AwaitHolder(p.Key, p.a, 5*time.Second)
	p.A.DB.Freeze()
	p.a.WaitLog("main", "the store did not acknowledge", slow)
	p.A.DB.Heal()
	p.a.WaitLog("main", "the store acknowledges again", slow)
	if after := p.AwaitHolder(p.Key, p.a, 5*time.Second); after.Token != before.Token {
		t.Errorf("the lease was lost and taken anew: token %d, was %d", after.Token, before.Token)
	}
	if run := p.AwaitRun(p.a, 5*time.Second); !run.Start.Equal(p.first.Start) {
		t.Errorf("main was stopped and started again: %v", p.Runs())
	}
}

// gateOf is the container of a pod in which its gate writes its log.
func gateOf(pod *kube.Pod) string {
	if pod.Labels["mongogate.dev/protection"] == "run" {
		return "main"
	}
	return "mongogate"
}

// notEarly fails the test if main was stopped while its lease still had time: an
// outage is no loss before that.
func (p *pair) notEarly(gone witness.Run) {
	p.Helper()
	// The lease counts from when the renewal was sent: on a busy node that may be as long before
	// it arrived at the proxy as a call may take.
	stop := p.renewals.Before(gone.Seen).Add(p.Timing.Deadline(0) - p.Timing.Operation)
	if gone.Gone.Before(stop) {
		p.Errorf("main was gone %v before the lease was over: %v", stop.Sub(gone.Gone), gone)
	}
}
