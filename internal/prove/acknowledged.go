//go:build linux

package prove

import (
	"fmt"
	"time"
)

// acknowledged is when the holder's last acknowledged renewal was sent. The
// lease file says it: its deadline is that instant + ttl − kill budget − drift. The proxy must
// have delivered the answer to a request that arrived then or within one
// operation after it: a gate that counts from the reply, or from
// nothing, is found out. The file of a gate that died or froze may lack the very
// last renewal; then its arrival at the proxy counts, if its answer was delivered before the fault.
func (t *Trial) acknowledged(g *Gate, fault time.Duration, dead bool) (time.Duration, error) {
	l, err := g.Lease()
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return lastSent(sentOf(l.Deadline), t.answers, fault, dead)
}

func lastSent(sent time.Duration, answers []answer, fault time.Duration, dead bool) (time.Duration, error) {
	confirmed := false
	newest := sent
	for _, a := range answers {
		switch {
		case a.arrived < sent:
		case a.arrived <= sent+operation:
			confirmed = true
		case dead && a.delivered < fault:
			newest = max(newest, a.arrived)
		}
	}
	if !confirmed {
		return 0, fmt.Errorf("the lease file counts from %v, and the proxy knows of no request that was sent then and answered: %v", sent, answers)
	}
	return newest, nil
}
