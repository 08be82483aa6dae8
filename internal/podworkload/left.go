//go:build linux

package podworkload

import (
	"fmt"
	"strings"
	"time"
)

// tellEvery is how often it is said what the gate waits for before it gives the lock back.
const tellEvery = time.Minute

// shown is how many processes are named.
const shown = 5

// tellWaiting says what keeps the lock from being given back, at once and then now and again.
func (w *Workload) tellWaiting() {
	w.mu.Lock()
	now := w.cfg.Clock.Now()
	told := w.told || w.waitTold != 0 && now-w.waitTold < tellEvery
	if !told {
		w.waitTold = now
	}
	w.mu.Unlock()
	if !told {
		w.cfg.Log.Info("the lock is kept until the workload has ended, or this process is killed", "left", w.left())
	}
}

// left names what is seen of the workload, or what is waited for where nothing is.
func (w *Workload) left() string {
	switch {
	case w.cfg.Dir != nil:
		return "the follower has not said that its command has ended"
	case w.targets != nil:
		w.mu.Lock()
		list, err := w.targets.find()
		w.mu.Unlock()
		var names []string
		for _, p := range list[:min(len(list), shown)] {
			state := ""
			if p.State == 'D' {
				state = ", in uninterruptible sleep"
			}
			names = append(names, fmt.Sprintf("process %d (%s%s)", p.PID, p.Comm, state))
		}
		if more := len(list) - shown; more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		if err != nil {
			names = append(names, err.Error())
		}
		if len(names) == 0 {
			return "nothing that is seen: it is looked at again"
		}
		return strings.Join(names, ", ")
	case w.cfg.Status != nil:
		return "the pod's status does not report every main container as ended for good"
	}
	return "nothing here can prove that the workload has ended: see the line about evidence above"
}
