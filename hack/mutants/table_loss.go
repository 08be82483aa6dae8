package main

// twinCase is one of its cases.
func twinCase(name string) string {
	return "-timeout=170s ./internal/podworkload -run=^TestTwin$/" + name
}

const (
	twinUnit  = "./internal/twin"
	twinHears = "./internal/podworkload -run=^TestTwinHears"
)

// lossMutants are of what a sidecar does to a workload that it did not start.
var lossMutants = []mutant{
	take("kill-by-mark-alone", "kill: a process without a mark is the workload's, once a container has shown one",
		edits{{"targets.find", "case trusted[i], t.within(c.in, t.spared):", "case trusted[i], t.within(c.in, t.spared), len(t.marked) > 0:"}}, "./internal/podworkload -run=TestWithoutAMarkItIsTheWorkload"),
	take("kill-spares-by-any-name", "kill: a name spares the container that begins with it, and no process of another",
		edits{{"targets.trusted", "f := first[c.in.key(t.tell)]", "f := c"}}, "./internal/podworkload -run=TestSparedByItsName"),
	take("kill-name-over-mark", "kill: the mark of a workload counts more than a name",
		edits{{"targets.find", "case t.within(c.in, t.marked):", ""}}, "./internal/podworkload -run=TestMarkOverAName"),
	take("kill-first-mark-wins", "kill: the mark of a workload counts whatever its container has shown before",
		edits{{
			"targets.read", "in.above(t.own, t.tell) || t.within(in, t.marked) {",
			"in.above(t.own, t.tell) || t.within(in, t.marked) || t.within(in, t.spared) {",
		}}, "./internal/podworkload -run=TestMarkAfterAnother"),
	take("gate-known-by-its-script", "kill: a gate that a script of its name has become is no workload",
		edits{{"gates.is", "identity{p.PID, p.Start, file.Dev, file.Ino}", "identity{p.PID, p.Start, 0, 0}"}}, "./internal/podworkload -run=TestScriptThatBecomesAGate"),
	take("kill-stranger-spares-all", "kill: a process above the containers spares nobody",
		edits{{"targets.read", "in == nil || in.above(t.own, t.tell) ||", "in == nil ||"}}, "./internal/podworkload -run=TestSparedByItsMark"),
	take("kill-moved-is-own", "kill: who is in our cgroup in one hierarchy alone is not ours",
		edits{{
			"place.in", "if !ok || !known || !below(ours, theirs) { return false } }; return len(hierarchies) > 0",
			"if ok && known && below(ours, theirs) { return true } }; return false",
		}}, "./internal/podworkload -run=TestContainers"),
	take("twin-trusts-the-gate", "twin: a gate that is dead, frozen or hangs at the deadline is replaced",
		edits{{"twin.judge", "if now >= t.at+t.slack() {", "if false {"}}, twinUnit, twinCase("the_gate_is_killed_again_and_again$")),
	take("twin-trusts-a-shut-gate", "twin: while the lock is not held a frozen gate is replaced too",
		edits{{"twin.judge", "} else if silent {", "} else if false {"}}, twinCase("frozen_and_does_not_hold$")),
	take("twin-lets-a-crash-be", "twin: a gate that was killed while it held is started again",
		edits{{"twin.gateEnded", "if t.plan == nil || t.plan.Leave || !crashed && (t.code == ExitLost || !t.mayRun()) {", "if crashed || true {"}}, twinUnit, twinCase("the_gate_is_killed$")),
	take("twin-ends-with-one-that-cannot-begin", "twin: a gate that cannot begin beside what runs under the lock ends nothing before the deadline",
		edits{{"twin.gateEnded", "(t.code == ExitLost || !t.mayRun())", "true"}}, twinUnit, twinCase("the_next_gate_cannot_begin$")),
	take("unbegun-ends-at-once", "sidecar: a fresh container whose gate cannot begin stops what ran under the lease of the one before it",
		edits{{"sidecar.run", "agent.LeaveToTwin(w.World, args[1:], code)", "_ = agent.LeaveToTwin"}}, "-timeout=170s ./internal/podworkload -run=^TestFreshContainerCannotBegin$/a_setting_is_wrong$"),
	take("unbegun-code-of-a-loss", "sidecar: and ends with what is wrong",
		edits{{"twin.takeOver", "cmp.Or(t.plan.Code, ExitLost)", "cmp.Or(0, ExitLost)"}}, "-timeout=170s ./internal/podworkload -run=^TestFreshContainerCannotBegin$/the_lease_is_over"),
	take("unbegun-in-a-living-gates-place", "sidecar: a lease whose gate lives is that gate's",
		edits{{"Dir.leftOpen", "if errors.Is(err, ErrBusy) {", "if false {"}}, "./internal/statedir -run=^TestLeftOpen$"),
	take("unbegun-stops-at-a-flag", "sidecar: the protection is read also where another flag is wrong",
		edits{{"Readable", "UnknownFlags = true", "UnknownFlags = false"}}, "./internal/settings -run=^TestReadable$"),
	take("twin-ends-when-asked", "twin: nor does one that is killed while it waits for the workload's end",
		edits{{"twin.gateEnded", "if t.asked {", "if t.asked { return t.code, true"}}, twinUnit, twinCase("told_to_end_the_gate_is_killed$")),
	take("twin-takes-any-signal-for-a-stop", "twin: a signal that asks for nothing does not keep a gate from being started again",
		edits{{"twin.pass", "t.asked || t.plan == nil || t.plan.Stops.Has(number)", "true"}}, twinUnit),
	take("twin-waits-for-no-gate", "twin: told to end while there is no gate, and nothing may run, the container ends",
		edits{{"twin.step", "if t.asked && t.gate == 0 && t.nothingRuns() {", "if false {"}}, twinUnit),
	take("twin-of-another-time", "twin: deadlines are told where both have one clock",
		edits{{"twin.Main", "if err := proctree.CheckTime(); err != nil {", "if err := proctree.CheckTime(); false {"}}, twinUnit),
	take("twin-ends-without-a-word", "twin: why the container ends is said before it does", edits{{"twin.Main", "defer t.flush()", ""}}, twinUnit),
	take("twin-hears-late", "twin: what is told of a stop that is over does not follow the lease that was won meanwhile",
		edits{{"Workload.change", "tell()", "w.mu.Unlock(); tell(); w.mu.Lock()"}}, twinHears),
	take("twin-hears-of-a-stop-in-vain", "twin: nor does the end of a stop that was given up",
		edits{{"Workload.look", "over := w.change(leaving, shut, w.cfg.Twin.Shut)", "over := w.change(leaving, shut, func() {}); w.cfg.Twin.Shut()"}}, twinHears),
	take("twin-keeps-a-deadline-of-nothing", "twin: a renewal after the evidence is no deadline", edits{{"podworkload.Workload.Extend", "if !w.told {", "if true {"}}, twinHears),
	take("twin-forgets-the-deadline", "twin: the deadline outlives a gate that has just begun",
		edits{{"twin.listen", "if n.Plan != nil && n.Stage == shut && (t.stage == held || t.stage == stopping) {", "if false {"}}, "./internal/twin"),
	take("twin-silence-is-nothing", "twin: a gate whose twin does not answer does not go on alone",
		edits{{"Link.Beat", "if time.Duration(l.unheard)*every > max(l.within, 3*beat) {", "if false {"}}, twinCase("the_twin_is_frozen$")),
	take("twin-trusts-a-stopping-gate", "twin: a gate that is frozen in the middle of a loss is replaced",
		edits{{"twin.judge", "if silent && now >= t.at+t.slack() ||", "if false && silent ||"}}, twinUnit),
	take("twin-and-gate-sleep-on", "twin: kernel timers wake the two that were stopped together", edits{
		{"twin.keepAwake", "_ = t.last.Set(from, t.at+t.plan.KillAfter+(t.plan.Budget-t.plan.KillAfter)/4)", "_ = from"},
		{"Link.Held", "_ = l.last.Wake(deadline, deadline+l.budget())", ""},
	}, twinCase("both_are_stopped_once$")),
	take("gate-outlives-its-twin", "twin: a gate without its twin does not go on",
		edits{{"twin.begin", "Setpgid: true, Pdeathsig: syscall.SIGKILL}", "Setpgid: true}"}}, twinCase("the_twin_is_killed$")),
	take("epoch-asks-nobody", "restart: the rule is asked for before it is said to be ignored",
		edits{{"epochs.learn", "if e.refused = h.Tried && !h.Asked; e.refused {", "if e.refused = !h.Asked; e.refused {"}}, ignoredCase("killed_by_the_kubelet")),
	take("epoch-asks-for-ever", "restart: it is asked for once", edits{{"epochs.tries", "return e.note(statedir.Hold{Epoch: e.now, Tried: true})", "return nil"}}, ignoredCase("killed")),
	take("pid1-leaves-strangers", "run: what was started in the container beside the command ends with it, before the lock is given back",
		edits{{"run.reap", "if os.Getpid() == 1 {", "if false {"}}, "./internal/guard -run=TestStrangersOfPID1"),
	take("killers-outlive-their-run", "run: what kills one run has ended before the next begins",
		edits{{"run.endKillers", "r.killers.Wait()", ""}}, "./internal/guard -run=TestKillOfOneRunSparesTheNext"),
	take("pid1-sees-its-own-alone", "run: a process whose parent is not seen is below the first one of the namespace",
		edits{{"proctree.below", "if root == 1 {", "if false {"}}, "./internal/guard -run=TestStrangersOfPID1"),
	take("sentinel-of-a-run", "sentinel: a file that nobody would write is no setting",
		edits{{
			"lossSettings", `name: "sentinel", commands: fencer,`,
			`name: "sentinel", commands: []string{"run", "init", "sidecar", "doctor"},`,
		}}, "./internal/settings -run=^TestBadInput$", "./internal/settings -run=^TestEverySettingIsRead$"),
	take("protection-twice", "settings: a protection that is added to itself is refused",
		edits{{"loader.checkProtection", "case slices.Contains(s.Also, s.Protection):", "case false:"}}, "./internal/settings -run=^TestBadInput$"),
	take("sentinel-untried", "sentinel: one that cannot be written is refused before the lock is taken",
		edits{{"podworkload.New", "if err := w.sentinel.prepare(); err != nil {", "if err := w.sentinel.prepare(); false {"}}, "./internal/podworkload -run=TestSentinelIsTriedFirst"),
	take("sentinel-unwatched", "sentinel: one that can no longer be written is a loss where nothing else stops the workload",
		edits{{"Workload.obeyed", `return w.cfg.Sentinel != "" && !w.cfg.Kill`, "return false && !w.cfg.Kill"}}, "./internal/podworkload -run=TestSentinelLosesItsDirectory"),
	take("sentinel-no-room-kept", "sentinel: it can be written on a full disk",
		edits{{"sentinel.write", "if err != nil && os.Rename(s.prepared(), s.path) == nil {", "if false {"}}, "./internal/podworkload -run=TestSentinelWhileHeld"),
}
