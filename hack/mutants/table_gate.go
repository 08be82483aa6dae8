package main

const (
	gateUnit = "./pkg/gate -run=^Test[^BI]"
	machGo   = "pkg/gate/machine.go"
	gateGo   = "pkg/gate/gate.go"

	gateTellGo = "pkg/gate/tell.go"
)

// gateMutants are of the gate and its loop.
func gateMutants() []mutant {
	return []mutant{
		{
			name: "gate-open-is-a-flag", protects: "gate: open is computed at the moment of asking",
			edits: []edit{{machGo, "return m.state == Held && now < m.deadline", "return m.state == Held"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-observer-is-waited-for", protects: "gate: nobody who observes holds up a renewal, a loss or an exit",
			edits: []edit{{gateTellGo, "\t\tgo q.run()\n\t}\n}\n\n// run", "\t\tq.mu.Unlock()\n\t\tq.run()\n\t\tq.mu.Lock()\n\t}\n}\n\n// run"}},
			tests: []string{"./pkg/gate -run=^TestObserver"},
		},
		{
			name: "epoch-note-is-waited-for", protects: "restart: a state directory that hangs holds up no loss and no end",
			edits: []edit{{agentLockGo, "holder.Within(noteWithin, s.lock.epochs.ended)", "s.lock.epochs.ended()"}},
			tests: []string{"./internal/agent -run=^TestEpochNoteThatHangs"},
		},
		{
			name: "hold-that-is-not-noted-stays", protects: "restart: a hold that cannot be noted is left, so that the gate may adopt it again",
			edits: []edit{{agentLockGo, "\t\tgot.Leave()\n", "\t\t_ = got\n"}},
			tests: []string{"./internal/agent -run=^TestHoldThatCannotBeNotedIsLeft$"},
		},
		{
			name: "gate-no-deadline", protects: "gate: the deadline shuts it",
			edits: []edit{{machGo, "if m.state == Held && now >= m.deadline {", "if false {"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-no-deadline-anywhere", protects: "gate and lease: without either deadline two workloads run",
			edits: []edit{
				{machGo, "m.state, m.deadline, m.running = Held, e.Deadline, true", "m.state, m.deadline, m.running = Held, e.Deadline+time.Hour, true"},
				{leaseGo, "\ts.loops.Go(s.watchdog)\n", ""},
			},
			tests: []string{sim},
		},
		{
			name: "gate-reopens", protects: "gate: a lost lease never opens it again",
			edits: []edit{{machGo, "if m.state == Held && e.Deadline > m.deadline {", "if m.state = Held; e.Deadline > m.deadline {"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-moves-back", protects: "gate: a deadline never moves backwards",
			edits: []edit{{machGo, "if m.state == Held && e.Deadline > m.deadline {", "if m.state == Held {"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-warns-last", protects: "gate: readiness is false before anything else",
			edits: []edit{{machGo, "return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}}", "return []action{{Kind: Warn, Reason: reason}, {Kind: Shut, Reason: reason}}"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-kill-counts-from-waking", protects: "gate: SIGKILL has an absolute time, counted from the deadline",
			edits: []edit{{machGo, "from := min(now, m.deadline)", "from := now"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-sleeper-terminates", protects: "gate: who wakes late goes straight to SIGKILL",
			edits: []edit{{machGo, "case now >= m.killAt:", "case m.step == Kill && now >= m.killAt:"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-waits-for-the-sentinel", protects: "gate: SIGTERM does not wait for a sentinel that hangs",
			edits: []edit{{machGo, "from+m.budget.KillAfter/4, from+m.budget.KillAfter", "from+m.budget.KillAfter, from+m.budget.KillAfter"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-releases-early", protects: "gate: no release before the workload is gone",
			edits: []edit{{machGo, "return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}}", "return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}, {Kind: Finish, Outcome: Failed}}"}},
			tests: []string{gateUnit, sim},
		},
		{
			name: "gate-waits-early", protects: "gate: the lock is not waited for before the workload is gone",
			edits: []edit{{machGo, "case m.running || m.state == Waiting && !m.again:", "case m.state == Waiting && !m.again:"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-uses-what-came-too-late", protects: "gate: a lease whose deadline has passed starts nothing",
			edits: []edit{{machGo, "case now >= e.Deadline:", "case false:"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-starts-although-stopped", protects: "gate: asked to stop, it starts nothing",
			edits: []edit{{machGo, "\tcase m.stopping:\n\t\tm.state = Released", "\tcase false:\n\t\tm.state = Released"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-stop-comes-second", protects: "gate: a request to stop comes before a lease that is ready in the same moment",
			edits: []edit{{gateGo, "stop, events = nil, append(events, event{Kind: onStop})", "stop, events, e = nil, append(events, e), Event{Kind: onStop}"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-told-to-stop-succeeds", protects: "P9: a run that was told to stop has not succeeded",
			edits: []edit{{machGo, "e.Ended.Code == 0 && e.Ended.Unasked", "e.Ended.Code == 0"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-refusal-ends-anything", protects: "gate: it does not end while a workload runs",
			edits: []edit{{machGo, "if m.state == Waiting && !m.again {", "if true {"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-believes-an-old-lease", protects: "gate: what a replaced lease says is not the present one's",
			edits: []edit{{gateGo, "m.lease != g.lease", "false"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-trusts-its-timer", protects: "gate: the clock is looked at once a second, for timers stand still in suspend",
			edits: []edit{{gateGo, "min(max(wake-g.cfg.Clock.Now(), 0), time.Second)", "max(wake-g.cfg.Clock.Now(), 0)"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-broken-is-fine", protects: "gate: a guard that has died is a loss",
			edits: []edit{{machGo, "case onLeaseLost, onBroken:", "case onLeaseLost:"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-end-before-its-cause", protects: "gate: a workload that ended because its guard died was lost",
			edits: []edit{{gateGo, "events = append(events, event{Kind: onBroken, Reason: err})", "_ = err"}},
			tests: []string{gateUnit},
		},
		{
			name: "gate-any-budget", protects: "gate: SIGKILL comes by three quarters of the kill budget",
			edits: []edit{{"pkg/gate/budget.go", "if b.KillAfter > b.Kill*3/4 {", "if false {"}},
			tests: []string{gateUnit},
		},
	}
}
