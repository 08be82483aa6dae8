//go:build linux

package scenario_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// scan is the time between two looks of the protection kill. What it misses once
// would run for seconds, so that a bound of some scans tells a late one on a busy machine from none.
const (
	scan     = 100 * time.Millisecond
	gapBound = 5 * scan
)

// The protection kill alone, accepted with its gap: a main that the kubelet restarts
// runs until the next scan, while another cluster has the lock, and no longer.
func TestLossKillShowsItsGap(t *testing.T) {
	values := gated("kill", kube.Values{"acceptGap": true}).With(stubborn)
	p := against(t, scenario.Opts{TTL: stubbornTTL, MayOverlap: "a restarted container runs until the next scan, which is measured"}, values)
	p.A.DB.Freeze()
	gone, _ := p.stopped("kill-gap", p.Timing.KillBudget)
	next := p.AwaitRun(p.b, p.TakenOver())
	p.watched(gone, next)

	p.gap("kill", p.a, gone.Gone)
	for _, o := range p.Witness.Overlaps(p.Key) {
		// Only what the kubelet has restarted, beside the one that holds.
		if pods := [2]string{o.A.Pod, o.B.Pod}; !o.A.Start.Equal(next.Start) || pods != [2]string{string(p.b.UID), string(p.a.UID)} {
			t.Errorf("UNSAFE: %v", o)
		}
	}
}

// restarts is how often a container has been restarted, as last seen.
func (p *pair) restarts(pod *kube.Pod, container string) int32 {
	p.Helper()
	pod.Wait("is there", slow, func(*corev1.Pod) bool { return true })
	return kube.Container(pod.Pod, container).RestartCount
}

// awaitRestarts waits until a container has been restarted so often, and the last of these has ended.
func (p *pair) awaitRestarts(pod *kube.Pod, container string, times int32) {
	p.Helper()
	// The kubelet takes 10 s, 20 s, 40 s between them.
	pod.Wait(fmt.Sprintf("has %s restarted %d times, and killed", container, times), slow, func(now *corev1.Pod) bool {
		c := kube.Container(now, container)
		ended := c.State.Terminated
		if ended == nil {
			ended = c.LastTerminationState.Terminated
		}
		return c.RestartCount >= times && c.State.Running == nil && ended != nil && (ended.ExitCode == 137 || beforeItBegan(ended))
	})
}

// beforeItBegan: the container was killed before its command was executed, of which no witness can see anything.
func beforeItBegan(end *corev1.ContainerStateTerminated) bool {
	return end != nil && end.ExitCode == 128 && end.Reason == "StartError"
}

// gap judges what ran in a pod after its main had been stopped for a loss. What
// is killed sooner than the witness looks shows nothing, so that it waits for one
// more restart, and another, until something was seen.
func (p *pair) gap(action string, pod *kube.Pod, after time.Time) {
	p.Helper()
	const least, most = 2, 5 // after 10 s, 20 s, 40 s, 80 s
	stopped := p.restarts(pod, "main")
	var seen []witness.Run
	for n := int32(least); n <= most && len(seen) == 0; n++ {
		p.awaitRestarts(pod, "main", stopped+n)
		seen = slices.DeleteFunc(p.Runs(), func(r witness.Run) bool { return r.Pod != string(pod.UID) || !r.First.After(after) })
	}
	if main := kube.Container(pod.Pod, "main"); len(seen) == 0 && (beforeItBegan(main.State.Terminated) || beforeItBegan(main.LastTerminationState.Terminated)) {
		p.Figure("gap-"+action+"-runs-seen-of-restarts", fmt.Sprintf("0 of %d, killed before they began", main.RestartCount))
		return
	}
	if len(seen) == 0 {
		p.Errorf("main was restarted %d times, and never seen to run: nothing was shown", p.restarts(pod, "main"))
	}
	var surely, perhaps time.Duration
	for _, r := range seen {
		shortest, longest := r.Lived()
		surely, perhaps = max(surely, shortest), max(perhaps, longest)
		switch {
		case r.Alive() || shortest > gapBound:
			p.Errorf("UNSAFE: ran for %v without the lock, where a scan comes every %v: %v", shortest, scan, r)
		case longest > gapBound+p.Witness.Away():
			p.Errorf("may have run for %v without the lock, and surely for %v, where a scan comes every %v: %v", longest, shortest, scan, r)
		}
	}
	p.Figure("gap-"+action+"-longest-surely", surely)
	p.Figure("gap-"+action+"-longest-perhaps", perhaps)
	p.Figure("gap-"+action+"-runs-seen-of-restarts", fmt.Sprintf("%d of %d", len(seen), p.restarts(pod, "main")))
}
