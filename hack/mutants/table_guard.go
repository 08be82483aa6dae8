package main

const (
	guardStopGo     = "internal/guard/stop.go"
	guardWatchGo    = "internal/guard/watch.go"
	guardEvidenceGo = "internal/guard/evidence.go"
	guardMainGo     = "internal/guard/main.go"
	guardLapseGo    = "internal/guard/lapse.go"
	guardCommandGo  = "internal/guard/command.go"
	guardWorkloadGo = "internal/guard/workload.go"
	guardRunGo      = "internal/guard/run.go"
	treeGo          = "internal/proctree/tree.go"

	guardUnit = "./internal/guard -run=Test(Stop|Lapse|Send|Decode)"
	guardLoss = "./internal/guard -run=Test(Guard|Gate|Command|Deadline|Terminate|Flock|Frozen)"
	guardRest = "./internal/guard -run=Test(WhatIsLeft|WaitTree|ExitCodes|Environment|Lease|Forward)"
)

// guardMutants are of the second process that outlives the gate, and of what
// proves that a tree of processes is gone.
func guardMutants() []mutant {
	return []mutant{
		{
			name: "guard-deaf-to-the-deadline", protects: "guard: stops the tree at the deadline by itself",
			edits: []edit{{guardStopGo, "if !s.lost && s.deadline > 0 && now >= s.deadline {", "if false {"}},
			tests: []string{guardUnit, guardLoss},
		},
		{
			name: "guard-terms-when-late", protects: "guard: who wakes late goes straight to SIGKILL",
			edits: []edit{{guardStopGo, "s.by(s.deadline, s.deadline+s.killAfter)", "s.by(now, now+s.killAfter)"}},
			tests: []string{guardUnit},
		},
		{
			name: "guard-reopens", protects: "guard: a lost lease never reopens, whatever comes late",
			edits: []edit{{guardStopGo, "if !s.lost {\n\t\ts.deadline = max", "if true {\n\t\ts.lost = false\n\t\ts.term, s.kill = never, never\n\t\ts.deadline = max"}},
			tests: []string{guardUnit},
		},
		{
			name: "guard-ignores-the-gates-death", protects: "guard: the end of the pipe is the gate's death",
			edits: []edit{{guardWatchGo, "w.stop.gateGone(now)\n", ""}},
			tests: []string{guardLoss},
		},
		{
			name: "guard-leaves-a-living-tree", protects: "guard: exits only when its tree is empty",
			edits: []edit{{guardWatchGo, "if empty && w.starting {", "if w.starting && (empty || w.main == 0) {"}},
			tests: []string{guardRest},
		},
		{
			name: "guard-leaves-daemons", protects: "guard: what the command leaves behind is stopped",
			edits: []edit{{guardWatchGo, "if !w.spec.WaitTree {", "if false {"}},
			tests: []string{guardRest},
		},
		{
			name: "guard-is-no-subreaper", protects: "guard: re-parented processes come to it",
			edits: []edit{{guardMainGo, "proctree.HideMemory, proctree.BecomeSubreaper, proctree.DropNewPrivileges", "proctree.HideMemory, proctree.DropNewPrivileges"}},
			tests: []string{guardRest, guardLoss},
		},
		{
			name: "guard-lends-its-descriptors", protects: "guard: pipes and flock are never the command's",
			edits: []edit{{guardMainGo, "unix.CloseOnExec(fd)", "_ = fd"}},
			tests: []string{guardLoss},
		},
		{
			name: "gate-trusts-a-silent-guard", protects: "gate: a guard that does not confirm within a third of the ttl is a loss",
			edits: []edit{{guardLapseGo, "if !l.looked {", "if true {"}},
			tests: []string{guardUnit, guardLoss},
		},
		{
			name: "gate-believes-a-dead-guard", protects: "gate: a guard's death proves nothing; the gate kills what is left",
			edits: []edit{{guardEvidenceGo, "proved = r.heard.empty\n", "proved = true\n"}},
			tests: []string{guardLoss},
		},
		{
			name: "gate-spares-a-dead-guards-tree", protects: "gate: kills the tree of a dead guard itself",
			edits: []edit{{guardEvidenceGo, "\tr.kill()\n\tr.reportBroken(&DiedError", "\tr.reportBroken(&DiedError"}},
			tests: []string{guardLoss},
		},
		{
			name: "gate-is-no-subreaper", protects: "gate: a dead guard's tree comes to it",
			edits: []edit{{guardWorkloadGo, "proctree.HideMemory, proctree.BecomeSubreaper}", "proctree.HideMemory}"}},
			tests: []string{guardLoss},
		},
		{
			name: "gate-loses-an-early-signal", protects: "gate: a request to stop that comes before the start starts nothing",
			edits: []edit{{guardWorkloadGo, "if r == nil && w.command.stops().Has(number) {", "if false {"}},
			tests: []string{guardRest},
		},
		{
			name: "flock-not-inherited", protects: "state directory: the flock lives as long as the tree",
			edits: []edit{{guardRunGo, "if lock := c.Flock(); lock != nil {", "if lock := c.Flock(); lock != nil && false {"}},
			tests: []string{guardLoss},
		},
		{
			name: "uri-in-the-childs-environment", protects: "secrets: the command's environment has no URI",
			edits: []edit{{guardCommandGo, "return strings.HasPrefix(name, secretPrefix) ||", "return"}},
			tests: []string{guardRest},
		},
		{
			name: "stopped-processes-are-not-woken", protects: "loss: SIGCONT goes with SIGTERM",
			edits: []edit{{treeGo, "[]syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}", "[]syscall.Signal{syscall.SIGTERM}"}},
			tests: []string{guardLoss},
		},
		{
			name: "no-chase", protects: "loss: chains of processes that outrun every list are killed by what the subreaper inherits",
			edits: []edit{{"internal/proctree/chase.go", "if err != nil || !killEach(children, spare) {", "if err != nil || len(children) >= 0 {"}},
			tests: []string{"./internal/proctree -run=TestChaseFollowsAChain"},
		},
		{
			name: "empty-environment-is-no-mark", protects: "evidence: a process in the middle of execve may be the workload's",
			edits: []edit{{"internal/proctree/detail.go", "if len(env) == 0 {", "if env == nil {"}},
			tests: []string{"./internal/podworkload -run=TestEmptyEnvironmentKeepsEvidenceBack"},
		},
		{
			name: "guard-judges-unread", protects: "availability: what was told before an instant is read before it is judged, wherever the guard is frozen",
			edits: []edit{{"internal/guard/watch.go", "switch w.stop.at(now) {", "switch w.stop.at(w.clock.Now()) {"}},
			tests: []string{"./internal/guard -run=TestFrozenBetweenReadingAndJudging"},
		},
	}
}
