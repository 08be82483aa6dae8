//go:build linux

package agent

import (
	"fmt"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/podworkload"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/internal/twin"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/printable"
)

// readableWithin is how long a file with settings, or the state directory, may take to answer once the gate has failed already.
const readableWithin = time.Second

// LeaveToTwin sees to what may run under the lease of a gate before this one when a sidecar's gate ends with an error before it had a protection
// of its own, in a container that has just been started: its settings are wrong by now, the disk is full. The twin carries the
// protection out at the lease's deadline, and the container ends with this gate's code. It does nothing where no lease was left open,
// where the twin knows of one already, and for a gate that has lost, which has seen to its workload.
func LeaveToTwin(w World, args []string, code int) {
	if w.Twin == nil || code == 0 || code == ExitLost {
		return
	}
	if all, err := guard.Signals(); err == nil { // one that asks to end would end this process before the twin knows
		signal.Ignore(all...)
	}
	out := w.Outside
	out.ReadFile = func(name string) ([]byte, error) {
		return smallfile.Once(name, 2*smallfile.Most, readableWithin)
	}
	s := settings.Readable("sidecar", args, out)
	var left map[string]statedir.Lease
	err := within(dying+readableWithin, func() error {
		left = statedir.LeftOpen(s.StateDir, s.Lock.Key, dying)
		return nil
	})
	if err != nil || len(left) == 0 {
		return
	}
	p, deadline := planFor(s, left, gate.BootClock().Now())
	p.Code = code
	say := func(what string) { fmt.Fprintln(w.Lines, "mongogate:", printable.Text(what, printable.Message)) }
	if _, err := podworkload.NewHand(nil, p.Kill, p.Spare); err != nil {
		say(err.Error() + ": nothing is killed")
		p.Kill = false
	}
	say(fmt.Sprintf("a gate before this one left its lease open (%s): what runs under it is stopped at the deadline, and then this container ends with exit code %d", strings.Join(slices.Sorted(maps.Keys(left)), ", "), code))
	w.Lines.Flush(telemetry.FlushWithin) // the deadline may be over: then the twin does not wait for us
	if err := w.Twin.Keep(p, deadline, max(p.Budget/4, time.Second)); err != nil {
		say("nobody stops it: " + err.Error())
	}
}

// planFor is how what runs under leases is stopped, and when the first of them is over. For one that is over nothing is left but SIGKILL.
func planFor(s *settings.Settings, left map[string]statedir.Lease, now time.Duration) (twin.Plan, time.Duration) {
	p := twin.Plan{Kill: s.Protects(settings.Kill), Spare: s.Spare, Stops: stopSignals(s), Scan: s.ScanInterval}
	var deadlines, budgets []time.Duration
	for dir, l := range left {
		deadlines, budgets = append(deadlines, l.Deadline), append(budgets, l.KillBudget)
		if file := sentinelIn(s, dir); !slices.Contains(p.Sentinels, file) {
			p.Sentinels = append(p.Sentinels, file)
		}
	}
	p.Budget = slices.Min(budgets) // what others wait for, whatever the settings say by now
	p.KillAfter = min(s.Budget().KillAfter, p.Budget*3/4)
	return p, max(slices.Min(deadlines), now-p.KillAfter)
}
