//go:build linux

package agent

import (
	"github.com/mongogate/mongogate/internal/kube"
	"github.com/mongogate/mongogate/pkg/gate"
)

// workload is a gate's workload with what goes along with it: the holder's label, which follows the gate and is not waited for,
// and the note of a loss. They are no observers, which may be told late: of a start after the lease has been given back.
type workload struct {
	gate.Workload
	label *kube.Label // nil: none
	// note notes a loss, bounded in time; nil: it is not noted.
	note func()
}

// accompanied is a workload with what the settings want to go along with it.
func (ses *session) accompanied(w gate.Workload, e *epochs) gate.Workload {
	all := &workload{Workload: w, label: ses.kube.label}
	if e != nil {
		all.note = func() { ses.warn(within(noteWithin, e.lost)) }
	}
	return all
}

// Start lets the workload run.
func (w *workload) Start(g gate.Grant) {
	w.Workload.Start(g)
	w.labelled(true)
}

// Warn begins the note beside the workload's own warning. The channel is closed when both are done.
func (w *workload) Warn(reason string) <-chan struct{} {
	w.labelled(false)
	inner := w.Workload.Warn(reason)
	if w.note == nil {
		return inner
	}
	noted := make(chan struct{})
	go func() { // ends with the note, and with what the workload itself waits for
		defer close(noted)
		w.note()
		if inner != nil {
			<-inner
		}
	}()
	return noted
}

func (w *workload) labelled(yes bool) {
	if w.label != nil {
		w.label.Set(yes)
	}
}
