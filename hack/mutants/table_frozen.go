package main

const frozenTimers = "./internal/guard -run=TestTimersAlone$"

// frozenMutants are of what keeps a command from those who watch it.
var frozenMutants = []mutant{
	take("frozen-guard-sleeps-on", "guard: kernel timers wake, or kill, one that was stopped",
		edits{{"watch.keepAwake", "return w.last.Set(w.stop.deadline, w.stop.deadline+last)", "return nil"}}, frozenTimers),
	take("frozen-gate-sleeps-on", "gate: kernel timers wake one that was stopped",
		edits{{"Workload.keepAwake", "if err := w.last.Wake(deadline, deadline+2*w.command.Budget.Kill); err != nil {", "if err := w.last.Disarm(); err != nil {"}}, frozenTimers),
	take("frozen-guard-is-the-last", "guard: one whose gate has died is woken by its timers, and not killed",
		edits{{"watch.keepAwake", "return w.last.Wake(now+longestSleep,", "return w.last.Set(now+longestSleep,"}}, "./internal/guard -run=TestLoneGuardIsNotKilled"),
	take("scope-of-signals-missing", "guard: a Landlock domain keeps the command from signalling gate and guard",
		edits{{"launch", "err = proctree.ScopeSignals()", "err = nil"}}, "./internal/guard -run=TestSignalScope"),
	take("namespace-missing", "guard: a process namespace of the command's own ends with the guard",
		edits{{"watch.startCommand", "if w.spec.Isolation == IsolatePIDs {", "if false {"}}, "./internal/guard -run=TestNamespaceEndsWithGateAndGuard"),
	take("stopped-command-stays", "guard: a stopped command goes on when it is to end",
		edits{{"watch.forward", "defer func() { _ = proctree.Continue(os.Getpid()) }()", "_ = asks"}}, "./internal/guard -run=TestStoppedCommandIsContinuedToEnd"),
	take("background-look-stops", "guard: a background job that looks at its terminal gets an error, whenever the session is left",
		edits{{"watch.paused", "_ = unix.Kill(-w.main, unix.SIGCONT)", "_ = unix.SIGCONT"}}, "./internal/guard -run=TestBackgroundLookAtTheTerminal"),
	take("stop-is-four-signals", "run: a request to stop is a request, whatever its number",
		edits{{"agent.stopSignals", "set |= guard.AnyStop()", "_ = guard.AnyStop()"}}, "./cmd/sidecar -run=TestScripts/stopsignal"),
	take("gate-never-rests", "gate: after a loss others have a turn", edits{{"Gate.acquire", "take(asked, pause)", ""}}, "./pkg/gate -run=TestRest"),
	take("state-lease-of-another-time", "state directory: a lease of another time namespace is lost",
		edits{{"Dir.Unclear", "return l.BootID == d.boot && l.TimeNamespace != d.clock", "return false"}}, "./internal/statedir -run=TestLeaseOfAnotherTimeNamespace"),
	take("guard-with-another-clock", "run: no command where the guard's clock would be another one than the gate's",
		edits{{"guard.New", "proctree.CheckProc, proctree.CheckTime,", "proctree.CheckProc,"}}, "./internal/guard -run=^TestGuardWithAnotherClockIsRefused$"),
}
