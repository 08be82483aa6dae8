package main

const (
	guardUnit = "./internal/guard -run=Test(Stop|Lapse|Send|Decode)"
	guardLoss = "./internal/guard -run=Test(Guard|Gate|Command|Deadline|Terminate|Flock|Frozen)"
	guardRest = "./internal/guard -run=Test(WhatIsLeft|WaitTree|ExitCodes|Environment|Lease|Forward)"
)

// guardMutants are of the second process that outlives the gate, and of what
// proves that a tree of processes is gone.
var guardMutants = []mutant{
	take("guard-deaf-to-the-deadline", "guard: stops the tree at the deadline by itself",
		edits{{"stop.look", "if !s.lost && s.deadline > 0 && now >= s.deadline {", "if false {"}}, guardUnit, guardLoss),
	take("guard-terms-when-late", "guard: who wakes late goes straight to SIGKILL", edits{{"stop.look", "s.by(s.deadline, s.deadline+s.killAfter)", "s.by(now, now+s.killAfter)"}}, guardUnit),
	take("guard-reopens", "guard: a lost lease never reopens, whatever comes late", edits{{"stop.extend", "if !s.lost {", "if true { s.lost = false; s.term, s.kill = never, never"}}, guardUnit),
	take("guard-ignores-the-gates-death", "guard: the end of the pipe is the gate's death", edits{{"watch.listen", "w.stop.gateGone(now)", ""}}, guardLoss),
	take("guard-leaves-a-living-tree", "guard: exits only when its tree is empty", edits{{"watch.run", "if empty && w.starting {", "if w.starting && (empty || w.main == 0) {"}}, guardRest),
	take("guard-leaves-daemons", "guard: what the command leaves behind is stopped", edits{{"watch.exited", "if !w.spec.WaitTree {", "if false {"}}, guardRest),
	take("guard-is-no-subreaper", "guard: re-parented processes come to it",
		edits{{"newWatch", "proctree.HideMemory, proctree.BecomeSubreaper, proctree.DropNewPrivileges", "proctree.HideMemory, proctree.DropNewPrivileges"}}, guardRest, guardLoss),
	take("guard-lends-its-descriptors", "guard: pipes and flock are never the command's", edits{{"closeOnExec", "unix.CloseOnExec(fd)", "_ = fd"}}, guardLoss),
	take("gate-trusts-a-silent-guard", "gate: a guard that does not confirm within a third of the ttl is a loss", edits{{"lapse.overdue", "if !l.looked {", "if true {"}}, guardUnit, guardLoss),
	take("gate-believes-a-dead-guard", "gate: a guard's death proves nothing; the gate kills what is left", edits{{"run.guardEnded", "proved = r.heard.empty", "proved = true"}}, guardLoss),
	take("gate-spares-a-dead-guards-tree", "gate: kills the tree of a dead guard itself", edits{{"run.guardEnded", "r.kill(); r.reportBroken(&DiedError", "r.reportBroken(&DiedError"}}, guardLoss),
	take("gate-is-no-subreaper", "gate: a dead guard's tree comes to it", edits{{"guard.New", "proctree.HideMemory, proctree.BecomeSubreaper}", "proctree.HideMemory}"}}, guardLoss),
	take("gate-loses-an-early-signal", "gate: a request to stop that comes before the start starts nothing",
		edits{{"Workload.Forward", "if r == nil && w.command.stops().Has(number) {", "if false {"}}, guardRest),
	take("flock-not-inherited", "state directory: the flock lives as long as the tree",
		edits{{"run.startGuard", "if lock := c.Flock(); lock != nil {", "if lock := c.Flock(); lock != nil && false {"}}, guardLoss),
	take("uri-in-the-childs-environment", "secrets: the command's environment has no URI", edits{{"Command.environment", "return strings.HasPrefix(name, secretPrefix) ||", "return"}}, guardRest),
	take("stopped-processes-are-not-woken", "loss: SIGCONT goes with SIGTERM",
		edits{{"proctree.Terminate", "[]syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}", "[]syscall.Signal{syscall.SIGTERM}"}}, guardLoss),
	take("no-chase", "loss: chains of processes that outrun every list are killed by what the subreaper inherits",
		edits{{"chase", "if err != nil || !killEach(children, spare) {", "if err != nil || len(children) >= 0 {"}}, "./internal/proctree -run=TestChaseFollowsAChain"),
	take("empty-environment-is-no-mark", "evidence: a process in the middle of execve may be the workload's",
		edits{{"Process.Getenv", "if len(env) == 0 {", "if env == nil {"}}, "./internal/proctree -run=^TestDetails$"),
	take("guard-judges-unread", "availability: what was told before an instant is read before it is judged, wherever the guard is frozen",
		edits{{"watch.act", "switch w.stop.at(now) {", "switch w.stop.at(w.clock.Now()) {"}}, "./internal/guard -run=TestFrozenBetweenReadingAndJudging"),
}
