package gate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// The table's lease is lost at tableLoss at the earliest; SIGTERM then comes
// after one second at the latest, SIGKILL after four.
const tableLoss, tableDeadline = 90 * time.Second, 100 * time.Second

var tableBudget = Budget{Kill: 6 * time.Second, KillAfter: 4 * time.Second}

func machineIn(reacquire bool, changes ...func(m *machine)) *machine {
	m := newMachine(tableBudget, reacquire)
	for _, change := range changes {
		change(m)
	}
	return m
}

func held(m *machine)     { m.state, m.deadline, m.running = Held, tableDeadline, true }
func gone(m *machine)     { m.state, m.deadline = Lost, tableDeadline }
func released(m *machine) { m.state, m.deadline = Released, tableDeadline }
func stopping(m *machine) { m.stopping = true }
func late(m *machine)     { m.again = true }

// lostBefore is a workload that is being stopped; step is what comes next.
func lostBefore(step ActionKind, after time.Duration) func(m *machine) {
	return func(m *machine) {
		m.state, m.deadline, m.running = Lost, tableDeadline, true
		m.step, m.stepAt, m.killAt = step, tableLoss+after, tableLoss+4*time.Second
	}
}

// tableEvents are all the events that differ in what follows from them.
func tableEvents() map[string]event {
	return map[string]event{
		"tick":            {Kind: onTick},
		"acquired":        {Kind: onAcquired, Deadline: 200 * time.Second},
		"acquired late":   {Kind: onAcquired, Deadline: 50 * time.Second},
		"refused":         {Kind: onRefused},
		"renewed":         {Kind: onRenewed, Deadline: 200 * time.Second},
		"renewed earlier": {Kind: onRenewed, Deadline: 50 * time.Second},
		"lease lost":      {Kind: onLeaseLost, Reason: errors.New("taken")},
		"broken":          {Kind: onBroken, Reason: errors.New("guard died")},
		"warned":          {Kind: onWarned},
		"stop":            {Kind: onStop},
		"gone well":       {Kind: onGone, Ended: Ended{Unasked: true}},
		"gone badly":      {Kind: onGone, Ended: Ended{Code: 1, Unasked: true}},
		"gone when asked": {Kind: onGone},
		"never started":   {Kind: onGone, Ended: Ended{Unasked: true, Err: errors.New("no such file")}},
		"finished":        {Kind: onFinished},
	}
}

func describe(m *machine) string {
	var b strings.Builder
	b.WriteString(m.state.String())
	add := func(yes bool, format string, args ...any) {
		if yes {
			fmt.Fprintf(&b, ", "+format, args...)
		}
	}
	add(m.state == Held, "until %v", m.deadline)
	add(m.state == Held && !m.running, "not running")
	add(m.state != Held && m.running, "running")
	add(m.state == Lost && m.running && m.step != Exit, "%v at %v", m.step, m.stepAt)
	add(m.state == Lost && m.running && m.step == Terminate, "kill at %v", m.killAt)
	add(m.again, "giving back")
	add(m.stopping, "stopping")
	return b.String()
}

func names(do []action) string {
	var out []string
	for _, a := range do {
		n := a.Kind.String()
		if a.Kind == Finish {
			n += [...]string{"(release)", "(succeeded)", "(failed)"}[a.Outcome]
		}
		out = append(out, n)
	}
	return strings.Join(out, " ")
}

// follows is what an event brings: the machine's next state and the actions.
type follows struct{ state, actions string }

// endings are the four ways in which a workload may have ended.
func endings(f follows) map[string]follows {
	return map[string]follows{"gone well": f, "gone badly": f, "gone when asked": f, "never started": f}
}

func with(parts ...map[string]follows) map[string]follows {
	all := map[string]follows{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

const (
	calm   = tableLoss + 500*time.Millisecond // nothing is due
	toTerm = tableLoss + 2*time.Second        // SIGTERM is due, SIGKILL is not
	toKill = tableLoss + 5*time.Second        // SIGKILL is due
)

// table lists what each event brings in each state. An event that a row does not name brings
// the row's others; a row without others leaves the state as it is and does nothing.
func table() []struct {
	state  string
	from   func() *machine
	now    time.Duration
	events map[string]follows
	others *follows
} {
	type row = struct {
		state  string
		from   func() *machine
		now    time.Duration
		events map[string]follows
		others *follows
	}
	in := func(reacquire bool, changes ...func(*machine)) func() *machine {
		return func() *machine { return machineIn(reacquire, changes...) }
	}
	one := func(event, state, actions string) map[string]follows {
		return map[string]follows{event: {state, actions}}
	}
	beforeTerm, beforeKill, killed := lostBefore(Terminate, time.Second), lostBefore(Kill, 4*time.Second), lostBefore(Exit, 4*time.Second)
	return []row{
		{"waiting", in(true), calm, map[string]follows{
			"acquired":      {"held, until 3m20s", "open"},
			"acquired late": {"waiting, giving back", "finish(release)"},
			"refused":       {"released", "exit"},
			"stop":          {"waiting, stopping", ""},
		}, nil},
		{"waiting, stopping", in(true, stopping), calm, map[string]follows{
			"acquired":      {"released, stopping", "finish(release)"},
			"acquired late": {"released, stopping", "finish(release)"},
			"refused":       {"released, stopping", "exit"},
		}, nil},
		{"waiting, giving back", in(true, late), calm, map[string]follows{
			"stop":     {"waiting, giving back, stopping", ""},
			"finished": {"waiting", "wait"},
		}, nil},
		{"waiting, giving back, without reacquire", in(false, late), calm, map[string]follows{
			"stop":     {"waiting, giving back, stopping", ""},
			"finished": {"waiting", "wait"},
		}, nil},
		{"waiting, giving back, stopping", in(true, late, stopping), calm, one("finished", "released, giving back, stopping", "exit"), nil},

		{"held", in(true, held), calm, map[string]follows{
			"renewed":         {"held, until 3m20s", "extend"},
			"lease lost":      {"lost, running, terminate at 1m31.5s, kill at 1m34.5s", "shut warn"},
			"broken":          {"lost, running, terminate at 1m31.5s, kill at 1m34.5s", "shut warn"},
			"stop":            {"held, until 1m40s, stopping", ""},
			"gone well":       {"released", "shut finish(succeeded)"},
			"gone badly":      {"released", "shut finish(failed)"},
			"gone when asked": {"released", "shut finish(failed)"},
			"never started":   {"released", "shut finish(failed)"},
		}, nil},
		{"held, stopping", in(true, held, stopping), calm, map[string]follows{
			"renewed":         {"held, until 3m20s, stopping", "extend"},
			"lease lost":      {"lost, running, terminate at 1m31.5s, kill at 1m34.5s, stopping", "shut warn"},
			"broken":          {"lost, running, terminate at 1m31.5s, kill at 1m34.5s, stopping", "shut warn"},
			"gone well":       {"released, stopping", "shut finish(succeeded)"},
			"gone badly":      {"released, stopping", "shut finish(failed)"},
			"gone when asked": {"released, stopping", "shut finish(failed)"},
			"never started":   {"released, stopping", "shut finish(failed)"},
		}, nil},
		{
			"held, at the deadline", in(true, held), tableDeadline, with(endings(follows{"lost", "shut warn finish(failed)"}),
				one("stop", "lost, running, terminate at 1m41s, kill at 1m44s, stopping", "shut warn"),
				one("warned", "lost, running, kill at 1m44s", "shut warn terminate")),
			&follows{"lost, running, terminate at 1m41s, kill at 1m44s", "shut warn"},
		},
		{
			"held, awake when TERM is due", in(true, held), tableDeadline + time.Second, with(endings(follows{"lost", "shut warn terminate finish(failed)"}),
				one("stop", "lost, running, kill at 1m44s, stopping", "shut warn terminate")),
			&follows{"lost, running, kill at 1m44s", "shut warn terminate"},
		},
		{
			"held, awake when KILL is due", in(true, held), tableDeadline + 4*time.Second, with(endings(follows{"lost", "shut warn kill finish(failed)"}),
				one("stop", "lost, running, stopping", "shut warn kill")),
			&follows{"lost, running", "shut warn kill"},
		},

		{"lost, before TERM", in(true, beforeTerm), calm, with(endings(follows{"lost", "finish(failed)"}),
			one("warned", "lost, running, kill at 1m34s", "terminate"),
			one("stop", "lost, running, terminate at 1m31s, kill at 1m34s, stopping", "")), nil},
		{"lost, before TERM, stopping", in(true, beforeTerm, stopping), calm, with(endings(follows{"lost, stopping", "finish(failed)"}),
			one("warned", "lost, running, kill at 1m34s, stopping", "terminate")), nil},
		{
			"lost, TERM is due", in(true, beforeTerm), toTerm, with(endings(follows{"lost", "terminate finish(failed)"}),
				one("stop", "lost, running, kill at 1m34s, stopping", "terminate")),
			&follows{"lost, running, kill at 1m34s", "terminate"},
		},
		{
			"lost, before TERM, KILL is due", in(true, beforeTerm), toKill, with(endings(follows{"lost", "kill finish(failed)"}),
				one("stop", "lost, running, stopping", "kill")),
			&follows{"lost, running", "kill"},
		},
		{"lost, before KILL", in(true, beforeKill), calm, with(endings(follows{"lost", "finish(failed)"}),
			one("stop", "lost, running, kill at 1m34s, stopping", "")), nil},
		{
			"lost, KILL is due", in(true, beforeKill), toKill, with(endings(follows{"lost", "kill finish(failed)"}),
				one("stop", "lost, running, stopping", "kill")),
			&follows{"lost, running", "kill"},
		},
		{"lost, killed", in(true, killed), toKill, with(endings(follows{"lost", "finish(failed)"}),
			one("stop", "lost, running, stopping", "")), nil},
		{"lost, gone", in(true, gone), toKill, map[string]follows{
			"stop":     {"lost, stopping", ""},
			"finished": {"waiting", "wait"},
		}, nil},
		{"lost, gone, without reacquire", in(false, gone), toKill, map[string]follows{
			"stop":     {"lost, stopping", ""},
			"finished": {"released", "exit"},
		}, nil},
		{"lost, gone, stopping", in(true, gone, stopping), toKill, one("finished", "released, stopping", "exit"), nil},

		{"released", in(true, released), tableDeadline + time.Hour, map[string]follows{
			"stop":     {"released, stopping", ""},
			"finished": {"released", "exit"},
		}, nil},
		{"released, stopping", in(true, released, stopping), tableDeadline + time.Hour, one("finished", "released, stopping", "exit"), nil},
	}
}

func TestEveryEventInEveryState(t *testing.T) {
	events := tableEvents()
	kinds, states, pairs := map[eventKind]bool{}, map[State]bool{}, 0
	for _, row := range table() {
		for name := range row.events {
			if _, ok := events[name]; !ok {
				t.Fatalf("%s: there is no event %q", row.state, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(events)) {
			m := row.from()
			kinds[events[name].Kind], states[m.State()] = true, true
			want, named := row.events[name]
			switch {
			case named:
			case row.others != nil:
				want = *row.others
			default:
				want = follows{state: describe(m)}
			}
			do := m.Step(row.now, events[name])
			if got := (follows{describe(m), names(do)}); got != want {
				t.Errorf("%s, then %s:\n got %q, actions %q\nwant %q, actions %q", row.state, name, got.state, got.actions, want.state, want.actions)
			}
			pairs++
		}
	}
	if len(kinds) != int(onFinished)+1 || len(states) != int(Released)+1 {
		t.Errorf("the table has %d kinds of events and %d states, want %d and %d", len(kinds), len(states), onFinished+1, Released+1)
	}
	t.Logf("%d pairs", pairs)
}

func TestReasonsReachTheActions(t *testing.T) {
	for _, kind := range []eventKind{onLeaseLost, onBroken} {
		because := errors.New("because")
		for _, a := range machineIn(true, held).Step(calm, event{Kind: kind, Reason: because}) {
			if !errors.Is(a.Reason, because) {
				t.Errorf("%v: %v has the reason %v", kind, a.Kind, a.Reason)
			}
		}
	}
}

func TestNewMachineWaits(t *testing.T) {
	m := newMachine(tableBudget, true)
	if _, due := m.Wake(); due || m.State() != Waiting || m.IsOpen(0) {
		t.Errorf("a new machine: %v, due %v, open %v", m.State(), due, m.IsOpen(0))
	}
}
