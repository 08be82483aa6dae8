package main

const (
	placeGo = "internal/podworkload/place.go"
	twinGo  = "internal/twin/twin.go"
	linkGo  = "internal/twin/link.go"
)

// twinCase is one of its cases.
func twinCase(name string) string {
	return "-timeout=170s ./internal/podworkload -run=^TestTwin$/" + name
}

const (
	twinUnit  = "./internal/twin"
	twinHears = "./internal/podworkload -run=^TestTwinHears"
)

// lossMutants are of what a sidecar does to a workload that it did not start.
func lossMutants() []mutant {
	return []mutant{
		{
			name: "kill-by-mark-alone", protects: "kill: a process without a mark is the workload's, once a container has shown one",
			edits: []edit{{targetsGo, "case trusted[i], t.within(c.in, t.spared):", "case trusted[i], t.within(c.in, t.spared), len(t.marked) > 0:"}},
			tests: []string{"./internal/podworkload -run=TestWithoutAMarkItIsTheWorkload"},
		},
		{
			name: "kill-spares-by-any-name", protects: "kill: a name spares the container that begins with it, and no process of another",
			edits: []edit{{targetsGo, "f := first[c.in.key(t.tell)]", "f := c"}},
			tests: []string{"./internal/podworkload -run=TestSparedByItsName"},
		},
		{
			name: "kill-name-over-mark", protects: "kill: the mark of a workload counts more than a name",
			edits: []edit{{targetsGo, "\t\tcase t.within(c.in, t.marked):\n", ""}},
			tests: []string{"./internal/podworkload -run=TestMarkOverAName"},
		},
		{
			name: "kill-first-mark-wins", protects: "kill: the mark of a workload counts whatever its container has shown before",
			edits: []edit{{targetsGo, "in.above(t.own, t.tell) || t.within(in, t.marked) {", "in.above(t.own, t.tell) || t.within(in, t.marked) || t.within(in, t.spared) {"}},
			tests: []string{"./internal/podworkload -run=TestMarkAfterAnother"},
		},
		{
			name: "gate-known-by-its-script", protects: "kill: a gate that a script of its name has become is no workload",
			edits: []edit{{gatesGo, "identity{p.PID, p.Start, file.Dev, file.Ino}", "identity{p.PID, p.Start, 0, 0}"}},
			tests: []string{"./internal/podworkload -run=TestScriptThatBecomesAGate"},
		},
		{
			name: "kill-stranger-spares-all", protects: "kill: a process above the containers spares nobody",
			edits: []edit{{targetsGo, "in == nil || in.above(t.own, t.tell) || ", "in == nil || "}},
			tests: []string{"./internal/podworkload -run=TestSparedByItsMark"},
		},
		{
			name: "kill-moved-is-own", protects: "kill: who is in our cgroup in one hierarchy alone is not ours",
			edits: []edit{{placeGo, "\t\tif !ok || !known || !below(ours, theirs) {\n\t\t\treturn false\n\t\t}\n\t}\n\treturn len(hierarchies) > 0", "\t\tif ok && known && below(ours, theirs) {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false"}},
			tests: []string{"./internal/podworkload -run=TestContainers"},
		},
		{
			name: "twin-trusts-the-gate", protects: "twin: a gate that is dead, frozen or hangs at the deadline is replaced",
			edits: []edit{{twinGo, "if now >= t.at+t.slack() {\n\t\t\treturn", "if false {\n\t\t\treturn"}},
			// One that is woken again and again says that it stops, and is judged by that.
			tests: []string{twinUnit, twinCase("the_gate_is_killed_again_and_again$")},
		},
		{
			name: "twin-trusts-a-shut-gate", protects: "twin: while the lock is not held a frozen gate is replaced too",
			edits: []edit{{twinGo, "} else if silent {", "} else if false {"}},
			tests: []string{twinCase("frozen_and_does_not_hold$")},
		},
		{
			name: "twin-lets-a-crash-be", protects: "twin: a gate that was killed while it held is started again",
			edits: []edit{{twinGo, "if t.plan == nil || t.plan.Leave || !crashed && (t.code == ExitLost || !t.mayRun()) {", "if crashed || true {"}},
			tests: []string{twinUnit, twinCase("the_gate_is_killed$")},
		},
		{
			name: "twin-ends-with-one-that-cannot-begin", protects: "twin: a gate that cannot begin beside what runs under the lock ends nothing before the deadline",
			edits: []edit{{twinGo, "(t.code == ExitLost || !t.mayRun())", "true"}},
			tests: []string{twinUnit, twinCase("the_next_gate_cannot_begin$")},
		},
		{
			name: "unbegun-ends-at-once", protects: "sidecar: a fresh container whose gate cannot begin stops what ran under the lease of the one before it",
			edits: []edit{{"cmd/sidecar/main.go", "agent.LeaveToTwin(w.World, args[1:], code)", "_ = agent.LeaveToTwin"}},
			tests: []string{"-timeout=170s ./internal/podworkload -run=^TestFreshContainerCannotBegin$/a_setting_is_wrong$"},
		},
		{
			name: "unbegun-code-of-a-loss", protects: "sidecar: and ends with what is wrong",
			edits: []edit{{twinGo, "cmp.Or(t.plan.Code, ExitLost)", "cmp.Or(0, ExitLost)"}},
			tests: []string{"-timeout=170s ./internal/podworkload -run=^TestFreshContainerCannotBegin$/the_lease_is_over"},
		},
		{
			name: "unbegun-in-a-living-gates-place", protects: "sidecar: a lease whose gate lives is that gate's",
			edits: []edit{{"internal/statedir/left.go", "if errors.Is(err, ErrBusy) {", "if false {"}},
			tests: []string{"./internal/statedir -run=^TestLeftOpen$"},
		},
		{
			name: "unbegun-stops-at-a-flag", protects: "sidecar: the protection is read also where another flag is wrong",
			edits: []edit{{"internal/settings/readable.go", "UnknownFlags = true", "UnknownFlags = false"}},
			tests: []string{"./internal/settings -run=^TestReadable$"},
		},
		{
			name: "twin-ends-when-asked", protects: "twin: nor does one that is killed while it waits for the workload's end",
			edits: []edit{{twinGo, "if t.asked { // nothing opens any more: what runs has until its deadline\n", "if t.asked {\n\t\treturn t.code, true\n"}},
			tests: []string{twinUnit, twinCase("told_to_end_the_gate_is_killed$")},
		},
		{
			name: "twin-takes-any-signal-for-a-stop", protects: "twin: a signal that asks for nothing does not keep a gate from being started again",
			edits: []edit{{twinGo, "t.asked || t.plan == nil || t.plan.Stops.Has(number)", "true"}},
			tests: []string{twinUnit},
		},
		{
			name: "twin-waits-for-no-gate", protects: "twin: told to end while there is no gate, and nothing may run, the container ends",
			edits: []edit{{twinGo, "if t.asked && t.gate == 0 && t.nothingRuns() {", "if false {"}},
			tests: []string{twinUnit},
		},
		{
			name: "twin-of-another-time", protects: "twin: deadlines are told where both have one clock",
			edits: []edit{{twinGo, "if err := proctree.CheckTime(); err != nil {", "if err := proctree.CheckTime(); false {"}},
			tests: []string{twinUnit},
		},
		{
			name: "twin-ends-without-a-word", protects: "twin: why the container ends is said before it does",
			edits: []edit{{twinGo, "\tdefer t.flush()\n", ""}},
			tests: []string{twinUnit},
		},
		{
			name: "twin-hears-late", protects: "twin: what is told of a stop that is over does not follow the lease that was won meanwhile",
			edits: []edit{{scanGo, "\tw.phase = to\n\ttell()\n", "\tw.phase = to\n\tw.mu.Unlock()\n\ttell()\n\tw.mu.Lock()\n"}},
			tests: []string{twinHears},
		},
		{
			name: "twin-hears-of-a-stop-in-vain", protects: "twin: nor does the end of a stop that was given up",
			edits: []edit{{scanGo, "over := w.change(leaving, shut, w.cfg.Twin.Shut)", "over := w.change(leaving, shut, func() {})\n\t\t\tw.cfg.Twin.Shut()"}},
			tests: []string{twinHears},
		},
		{
			name: "twin-keeps-a-deadline-of-nothing", protects: "twin: a renewal after the evidence is no deadline",
			edits: []edit{{fenceGo, "if !w.told {\n\t\tw.cfg.Twin.Held(deadline)", "if true {\n\t\tw.cfg.Twin.Held(deadline)"}},
			tests: []string{twinHears},
		},
		{
			name: "twin-forgets-the-deadline", protects: "twin: the deadline outlives a gate that has just begun",
			edits: []edit{{twinGo, "if n.Plan != nil && n.Stage == shut && (t.stage == held || t.stage == stopping) {", "if false {"}},
			tests: []string{"./internal/twin"},
		},
		{
			name: "twin-silence-is-nothing", protects: "twin: a gate whose twin does not answer does not go on alone",
			edits: []edit{{linkGo, "if time.Duration(l.unheard)*every > max(l.within, 3*beat) {", "if false {"}},
			tests: []string{twinCase("the_twin_is_frozen$")},
		},
		{
			name: "twin-trusts-a-stopping-gate", protects: "twin: a gate that is frozen in the middle of a loss is replaced",
			edits: []edit{{twinGo, "if silent && now >= t.at+t.slack() ||", "if false && silent ||"}},
			tests: []string{twinUnit}, // a real one is woken for moments, and may go on
		},
		{
			name: "twin-and-gate-sleep-on", protects: "twin: kernel timers wake the two that were stopped together",
			edits: []edit{
				{twinGo, "_ = t.last.Set(from, t.at+t.plan.KillAfter+(t.plan.Budget-t.plan.KillAfter)/4)", "_ = from"},
				{linkGo, "_ = l.last.Wake(deadline, deadline+l.budget())", ""},
			},
			tests: []string{twinCase("both_are_stopped_once$")},
		},
		{
			name: "gate-outlives-its-twin", protects: "twin: a gate without its twin does not go on",
			edits: []edit{{twinGo, "Setpgid: true, Pdeathsig: syscall.SIGKILL}", "Setpgid: true}"}},
			tests: []string{twinCase("the_twin_is_killed$")},
		},
		{
			name: "epoch-asks-nobody", protects: "restart: the rule is asked for before it is said to be ignored",
			edits: []edit{{epochGo, "if e.refused = h.Tried && !h.Asked; e.refused {", "if e.refused = !h.Asked; e.refused {"}},
			tests: []string{ignoredCase("killed_by_the_kubelet")},
		},
		{
			name: "epoch-asks-for-ever", protects: "restart: it is asked for once",
			edits: []edit{{epochGo, "return e.note(statedir.Hold{Epoch: e.now, Tried: true})", "return nil"}},
			tests: []string{ignoredCase("killed")},
		},
		{
			name: "pid1-leaves-strangers", protects: "run: what was started in the container beside the command ends with it, before the lock is given back",
			edits: []edit{{"internal/guard/evidence.go", "if os.Getpid() == 1 {\n\t\tr.endStrangers()", "if false {\n\t\tr.endStrangers()"}},
			tests: []string{"./internal/guard -run=TestStrangersOfPID1"},
		},
		{
			name: "killers-outlive-their-run", protects: "run: what kills one run has ended before the next begins",
			edits: []edit{{"internal/guard/evidence.go", "\tr.killers.Wait()\n", ""}},
			tests: []string{"./internal/guard -run=TestKillOfOneRunSparesTheNext"},
		},
		{
			name: "pid1-sees-its-own-alone", protects: "run: a process whose parent is not seen is below the first one of the namespace",
			edits: []edit{{"internal/proctree/tree.go", "\tif root == 1 {\n", "\tif false {\n"}},
			tests: []string{"./internal/guard -run=TestStrangersOfPID1"},
		},
		{
			name: "sentinel-of-a-run", protects: "sentinel: a file that nobody would write is no setting",
			edits: []edit{{"internal/settings/table.go", `name: "sentinel", commands: fencer,`, `name: "sentinel", commands: []string{"run", "init", "sidecar", "doctor"},`}},
			tests: []string{"./internal/settings -run=^TestBadInput$", "./internal/settings -run=^TestEverySettingIsRead$"},
		},
		{
			name: "protection-twice", protects: "settings: a protection that is added to itself is refused",
			edits: []edit{{"internal/settings/protection.go", "case slices.Contains(s.Also, s.Protection):", "case false:"}},
			tests: []string{"./internal/settings -run=^TestBadInput$"},
		},
		{
			name: "sentinel-untried", protects: "sentinel: one that cannot be written is refused before the lock is taken",
			edits: []edit{{fenceGo, "if err := w.sentinel.prepare(); err != nil {", "if err := w.sentinel.prepare(); false {"}},
			tests: []string{"./internal/podworkload -run=TestSentinelIsTriedFirst"},
		},
		{
			name: "sentinel-unwatched", protects: "sentinel: one that can no longer be written is a loss where nothing else stops the workload",
			edits: []edit{{fenceGo, "return w.cfg.Sentinel != \"\" && !w.cfg.Kill", "return false && !w.cfg.Kill"}},
			tests: []string{"./internal/podworkload -run=TestSentinelLosesItsDirectory"},
		},
		{
			name: "sentinel-no-room-kept", protects: "sentinel: it can be written on a full disk",
			edits: []edit{{sentinelGo, "if err != nil && os.Rename(s.prepared(), s.path) == nil {", "if false {"}},
			tests: []string{"./internal/podworkload -run=TestSentinelWhileHeld"},
		},
	}
}
