package main

const (
	guardAwakeGo  = "internal/guard/awake.go"
	guardLaunchGo = "internal/guard/launch.go"
	frozenTimers  = "./internal/guard -run=TestTimersAlone$"
)

// frozenMutants are of what keeps a command from those who watch it.
func frozenMutants() []mutant {
	return []mutant{
		{
			name: "frozen-guard-sleeps-on", protects: "guard: kernel timers wake, or kill, one that was stopped",
			edits: []edit{{guardAwakeGo, "return w.last.Set(w.stop.deadline, w.stop.deadline+last)", "return nil"}},
			tests: []string{frozenTimers},
		},
		{
			name: "frozen-gate-sleeps-on", protects: "gate: kernel timers wake one that was stopped",
			edits: []edit{{guardAwakeGo, "if err := w.last.Wake(deadline, deadline+2*w.command.Budget.Kill); err != nil {", "if err := w.last.Disarm(); err != nil {"}},
			tests: []string{frozenTimers},
		},
		{
			name: "frozen-guard-is-the-last", protects: "guard: one whose gate has died is woken by its timers, and not killed",
			edits: []edit{{guardAwakeGo, "return w.last.Wake(now+longestSleep,", "return w.last.Set(now+longestSleep,"}},
			tests: []string{"./internal/guard -run=TestLoneGuardIsNotKilled"},
		},
		{
			name: "scope-of-signals-missing", protects: "guard: a Landlock domain keeps the command from signalling gate and guard",
			edits: []edit{{guardLaunchGo, "err = proctree.ScopeSignals()", "err = nil"}},
			tests: []string{"./internal/guard -run=TestSignalScope"},
		},
		{
			name: "namespace-missing", protects: "guard: a process namespace of the command's own ends with the guard",
			edits: []edit{{guardWatchGo, "if w.spec.Isolation == IsolatePIDs {", "if false {"}},
			tests: []string{"./internal/guard -run=TestNamespaceEndsWithGateAndGuard"},
		},
		{
			name: "stopped-command-stays", protects: "guard: a stopped command goes on when it is to end",
			edits: []edit{{guardWatchGo, "defer func() { _ = proctree.Continue(os.Getpid()) }()", "_ = asks"}},
			tests: []string{"./internal/guard -run=TestStoppedCommandIsContinuedToEnd"},
		},
		{
			name: "background-look-stops", protects: "guard: a background job that looks at its terminal gets an error, whenever the session is left",
			edits: []edit{{guardWatchGo, "_ = unix.Kill(-w.main, unix.SIGCONT)", "_ = unix.SIGCONT"}},
			tests: []string{"./internal/guard -run=TestBackgroundLookAtTheTerminal"},
		},
		{
			name: "stop-is-four-signals", protects: "run: a request to stop is a request, whatever its number",
			edits: []edit{{"internal/agent/stopsignals.go", "set |= guard.AnyStop()", "_ = guard.AnyStop()"}},
			tests: []string{"./cmd/sidecar -run=TestScripts/stopsignal"},
		},
		{
			name: "gate-never-rests", protects: "gate: after a loss others have a turn",
			edits: []edit{{"pkg/gate/gate.go", "	take(asked, pause)\n", ""}},
			tests: []string{"./pkg/gate -run=TestRest"},
		},
		{
			name: "state-lease-of-another-time", protects: "state directory: a lease of another time namespace is lost",
			edits: []edit{{fileGo, "return l.BootID == d.boot && l.TimeNamespace != d.clock", "return false"}},
			tests: []string{"./internal/statedir -run=TestLeaseOfAnotherTimeNamespace"},
		},
		{
			name: "guard-with-another-clock", protects: "run: no command where the guard's clock would be another one than the gate's",
			edits: []edit{{guardWorkloadGo, "proctree.CheckProc, proctree.CheckTime,", "proctree.CheckProc,"}},
			tests: []string{"./internal/guard -run=^TestGuardWithAnotherClockIsRefused$"},
		},
	}
}
