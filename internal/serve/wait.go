package serve

import (
	"net/http"
	"time"
)

const (
	// maxWait is the longest that an answer may be waited for.
	maxWait = 10 * time.Minute
	// maxWaiters is how many may wait at once: the kubelet is one, and whoever else reaches the port takes nothing from it but a place.
	maxWaiters = 8
	// whyAfter is how long one who waits is kept from knowing what the owner of the pod has to mend.
	whyAfter = 20 * time.Second
	// lookEvery is the time between looks: each is a read of memory.
	lookEvery = 100 * time.Millisecond
)

// wait gives the question time to become true, as long as ?wait= says. A probe that fails each second costs an event in
// Kubernetes each second, and one that is answered when there is an answer costs nothing meanwhile.
func (p Probes) wait(w http.ResponseWriter, r *http.Request, ask func() bool, places chan struct{}) bool {
	longest, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || longest <= 0 {
		return ask()
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		return ask() // at once, as without ?wait=
	}
	longest = min(longest, maxWait)
	until := time.Now().Add(longest + 10*time.Second)
	control := http.NewResponseController(w)
	if control.SetReadDeadline(until) != nil || control.SetWriteDeadline(until) != nil { // both, or the time limits of the server end the request
		return ask()
	}
	end, look := time.NewTimer(longest), time.NewTicker(lookEvery)
	defer end.Stop()
	defer look.Stop()
	began := time.Now()
	for !ask() {
		if time.Since(began) > whyAfter && p.Why != nil && p.Why() != nil {
			return false
		}
		select {
		case <-r.Context().Done(): // who asked has gone, or the server ends
			return false
		case <-end.C:
			return ask()
		case <-look.C:
		}
	}
	return true
}
