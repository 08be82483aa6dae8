package main

const gateUnit = "./pkg/gate -run=^Test[^BI]"

// gateMutants are of the gate and its loop.
var gateMutants = []mutant{
	take("gate-open-is-a-flag", "gate: open is computed at the moment of asking", edits{{"machine.IsOpen", "return m.state == Held && now < m.deadline", "return m.state == Held"}}, gateUnit),
	take("gate-observer-is-waited-for", "gate: nobody who observes holds up a renewal, a loss or an exit",
		edits{{"Queue.Tell", "go q.run()", "q.mu.Unlock(); q.run(); q.mu.Lock()"}}, "./pkg/gate -run=^TestObserver"),
	take("epoch-note-is-waited-for", "restart: a state directory that hangs holds up no loss and no end",
		edits{{"agent.lease.Finish", "within(noteWithin, s.lock.epochs.ended)", "s.lock.epochs.ended()"}}, "./internal/agent -run=^TestEpochNoteThatHangs"),
	take("hold-that-is-not-noted-stays", "restart: a hold that cannot be noted is left, so that the gate may adopt it again",
		edits{{"lock.Acquire", "got.Leave()", "_ = got"}}, "./internal/agent -run=^TestHoldThatCannotBeNotedIsLeft$"),
	take("gate-no-deadline", "gate: the deadline shuts it", edits{{"machine.Step", "if m.state == Held && now >= m.deadline {", "if false {"}}, gateUnit),
	take("gate-no-deadline-anywhere", "gate and lease: without either deadline two workloads run", edits{
		{"machine.acquired", "m.state, m.deadline, m.running = Held, e.Deadline, true", "m.state, m.deadline, m.running = Held, e.Deadline+time.Hour, true"},
		{"Lease.start", "s.loops.Go(s.watchdog)", ""},
	}, sim),
	take("gate-reopens", "gate: a lost lease never opens it again",
		edits{{"machine.take", "if m.state == Held && e.Deadline > m.deadline {", "if m.state = Held; e.Deadline > m.deadline {"}}, gateUnit),
	take("gate-moves-back", "gate: a deadline never moves backwards", edits{{"machine.take", "if m.state == Held && e.Deadline > m.deadline {", "if m.state == Held {"}}, gateUnit),
	take("gate-warns-last", "gate: readiness is false before anything else",
		edits{{"machine.lose", "return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}}", "return []action{{Kind: Warn, Reason: reason}, {Kind: Shut, Reason: reason}}"}}, gateUnit),
	take("gate-kill-counts-from-waking", "gate: SIGKILL has an absolute time, counted from the deadline", edits{{"machine.lose", "from := min(now, m.deadline)", "from := now"}}, gateUnit),
	take("gate-sleeper-terminates", "gate: who wakes late goes straight to SIGKILL", edits{{"machine.stop", "case now >= m.killAt:", "case m.step == Kill && now >= m.killAt:"}}, gateUnit),
	take("gate-waits-for-the-sentinel", "gate: SIGTERM does not wait for a sentinel that hangs",
		edits{{"machine.lose", "from+m.budget.KillAfter/4, from+m.budget.KillAfter", "from+m.budget.KillAfter, from+m.budget.KillAfter"}}, gateUnit),
	take("gate-releases-early", "gate: no release before the workload is gone",
		edits{{
			"machine.lose", "return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}}",
			"return []action{{Kind: Shut, Reason: reason}, {Kind: Warn, Reason: reason}, {Kind: Finish, Outcome: Failed}}",
		}}, gateUnit, sim),
	take("gate-waits-early", "gate: the lock is not waited for before the workload is gone",
		edits{{"machine.finished", "case m.running || m.state == Waiting && !m.again:", "case m.state == Waiting && !m.again:"}}, gateUnit),
	take("gate-uses-what-came-too-late", "gate: a lease whose deadline has passed starts nothing", edits{{"machine.acquired", "case now >= e.Deadline:", "case false:"}}, gateUnit),
	take("gate-starts-although-stopped", "gate: asked to stop, it starts nothing", edits{{"machine.acquired", "case m.stopping:", "case false:"}}, gateUnit),
	take("gate-stop-comes-second", "gate: a request to stop comes before a lease that is ready in the same moment",
		edits{{"Gate.Run", "stop, events = nil, append(events, event{Kind: onStop})", "stop, events, e = nil, append(events, e), Event{Kind: onStop}"}}, gateUnit),
	take("gate-told-to-stop-succeeds", "P9: a run that was told to stop has not succeeded", edits{{"machine.gone", "e.Ended.Code == 0 && e.Ended.Unasked", "e.Ended.Code == 0"}}, gateUnit),
	take("gate-refusal-ends-anything", "gate: it does not end while a workload runs", edits{{"machine.take", "if m.state == Waiting && !m.again {", "if true {"}}, gateUnit),
	take("gate-believes-an-old-lease", "gate: what a replaced lease says is not the present one's", edits{{"Gate.stale", "m.lease != g.lease", "false"}}, gateUnit),
	take("gate-trusts-its-timer", "gate: the clock is looked at once a second, for timers stand still in suspend",
		edits{{"Gate.Run", "min(max(wake-g.cfg.Clock.Now(), 0), time.Second)", "max(wake-g.cfg.Clock.Now(), 0)"}}, gateUnit),
	take("gate-broken-is-fine", "gate: a guard that has died is a loss", edits{{"machine.take", "case onLeaseLost, onBroken:", "case onLeaseLost:"}}, gateUnit),
	take("gate-end-before-its-cause", "gate: a workload that ended because its guard died was lost",
		edits{{"Gate.Run", "events = append(events, event{Kind: onBroken, Reason: err})", "_ = err"}}, gateUnit),
	take("gate-any-budget", "gate: SIGKILL comes by three quarters of the kill budget", edits{{"Budget.Validate", "if b.KillAfter > b.Kill*3/4 {", "if false {"}}, gateUnit),
}
