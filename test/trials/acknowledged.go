//go:build linux

package trials

import (
	"fmt"
	"time"
)

// travel is how long a request may take from the gate to the proxy: so short
// that the renewal after it, a heartbeat later, cannot be taken for it.
const travel = heartbeat / 2

// acknowledged is when the holder's last acknowledged renewal was sent. The
// lease file says it: its deadline is that instant + ttl − kill budget − drift. The proxy must
// have delivered the answer to a request that arrived soon after: a gate that counts from the
// reply, or from nothing, is found out. The file of a gate that died or froze may lack the very
// last renewal; then its arrival at the proxy counts, if its answer was delivered before the fault.
func (t *Trial) acknowledged(g *Gate, fault time.Duration, dead bool) (time.Duration, error) {
	l, err := g.Lease()
	if err != nil {
		return 0, err
	}
	t.answering.Lock()
	defer t.answering.Unlock()
	claimed := sentOf(l.Deadline)
	sent, err := lastSent(claimed, t.answers, fault, dead)
	if err != nil && t.rig.stalls.during(claimed, claimed+operation) {
		err = fmt.Errorf("%w: the machine let nobody run, and %w", errDisturbed, err)
	}
	return sent, err
}

func lastSent(claimed time.Duration, answers []answer, fault time.Duration, dead bool) (time.Duration, error) {
	confirmed, newest := false, claimed
	for _, a := range answers {
		switch {
		case a.arrived < claimed:
		case a.arrived <= claimed+travel:
			confirmed = true
		case dead && a.delivered < fault:
			newest = max(newest, a.arrived)
		}
	}
	if !confirmed {
		return 0, fmt.Errorf("the lease file counts from %v, and the proxy knows of no request that was sent then and answered: %v", claimed, answers)
	}
	return newest, nil
}
