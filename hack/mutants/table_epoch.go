package main

const (
	epochGo     = "internal/agent/epochs.go"
	agentLockGo = "internal/agent/lock.go"
	ignoredIn   = "-timeout=100s ./cmd/sidecar -run=^TestRestartThatIsIgnored$"
)

// ignoredCase is one of its cases.
func ignoredCase(name string) string { return ignoredIn + "/^" + name + "$" }

// epochMutants are of the protection restart, and how a gate learns that it does nothing.
func epochMutants() []mutant {
	return []mutant{
		{
			name: "epoch-waits-for-its-note", protects: "restart: a lease whose hold cannot be noted in time is left",
			edits: []edit{{"internal/agent/lock.go", "case <-time.After(l.ses.s.Timing().Operation):", "case <-make(chan time.Time):"}},
			tests: []string{"./internal/agent -run=^TestHoldWhoseNoteHangsIsLeft$"},
		},
		{
			name: "epoch-ignored-unsaid", protects: "restart: that the rule was ignored is said whenever it is found out",
			edits: []edit{{"internal/agent/lock.go", "l.ses.tellIgnored(l.epochs)", "_ = l.ses.tellIgnored"}},
			tests: []string{"./internal/agent -run=^TestRuleThatIsFoundIgnoredLateIsSaid$"},
		},
		{
			name: "epoch-is-not-judged", protects: "restart: a gate that comes back alone does not acquire",
			edits: []edit{{epochGo, "if e.refused = h.Tried && !h.Asked; e.refused {", "if false {"}},
			tests: []string{ignoredCase("killed")},
		},
		{
			name: "epoch-is-not-noted", protects: "restart: the epoch is noted before the gate opens",
			edits: []edit{{epochGo, "\t\treturn err\n\t}\n\treturn e.dir.NoteHold(statedir.Hold{Epoch: e.now})", "\t\treturn err\n\t}\n\treturn nil"}},
			tests: []string{ignoredCase("killed")},
		},
		{
			name: "epoch-asked-counts-as-ignored", protects: "restart: who was told to end comes back to its lease",
			edits: []edit{{epochGo, "if e.refused = h.Tried && !h.Asked; e.refused {", "if e.refused = true; e.refused {"}},
			tests: []string{ignoredCase("asked_to_end")},
		},
		{
			name: "epoch-forgets-a-loss", protects: "restart: a loss is remembered, also where its workload was seen to end",
			edits: []edit{{epochGo, "e.leaves = e.held", "e.leaves = false"}},
			tests: []string{"./internal/agent -run=TestEpochNoteOutlivesALoss"},
		},
		{
			name: "epoch-loss-while-asked", protects: "restart: a loss asks for a restart, also of a gate that was told to end",
			edits: []edit{{epochGo, "\t\te.mu.Unlock()\n\t}\n\treturn e.noteAsked(false)", "\t\te.mu.Unlock()\n\t}\n\treturn nil"}},
			tests: []string{ignoredCase("lost_while_asked_to_end")},
		},
		{
			name: "epoch-asked-once-for-ever", protects: "restart: each process's own end counts",
			edits: []edit{{epochGo, "\treturn e.dir.NoteHold(statedir.Hold{Epoch: e.now})\n}\n\n// learn", "\treturn nil\n}\n\n// learn"}},
			tests: []string{ignoredCase("asked_to_end_and_then_killed_while_waiting")},
		},
		{
			name: "epoch-adopts-for-ever", protects: "restart: a gate that learns late that it has to ask ends, and does not adopt its lease forever beside what it would not stop",
			edits: []edit{{agentLockGo, "if errors.Is(err, errUnasked) {", "if false {"}},
			tests: []string{"./internal/agent -run=^TestEpochIsJudgedLate$"},
		},
		{
			name: "epoch-refusal-exits", protects: "restart: a gate that refuses does not end, again and again",
			edits: []edit{{"internal/agent/sidecar.go", ` && e.Refused() == ""`, ""}},
			tests: []string{ignoredCase("killed")},
		},
		{
			name: "epoch-forgets-nothing", protects: "restart: with evidence that nothing is left the next gate begins anew",
			edits: []edit{{epochGo, "return e.dir.ForgetHold()", "return nil"}, {epochGo, "func (e *epochs) asked() error { return e.noteAsked(true) }", "func (e *epochs) asked() error { return nil }"}},
			tests: []string{"-timeout=100s ./internal/podworkload -run=^TestSidecar$"},
		},
		{
			name: "scan-swallows-errors", protects: "evidence: a list of processes that is not whole proves nothing",
			edits: []edit{{"internal/proctree/process.go", "lost, why = lost+1, err", "_ = lost"}},
			tests: []string{"./internal/proctree -run=TestScanThatIsNotWhole", "./internal/podworkload -run=TestNoFilesNoEvidence"},
		},
		{
			name: "unread-is-gone", protects: "evidence: who cannot look does not know that a process has ended",
			edits: []edit{{"internal/proctree/signal.go", "\tdefault:\n\t\treturn err // for want of a file it may live", "\tcase err == nil:\n\t\treturn nil\n\tdefault:\n\t\treturn ErrGone"}},
			tests: []string{"./internal/proctree -run=TestScanThatIsNotWhole"},
		},
		{
			name: "partial-scan-kills-nobody", protects: "stopping: what is seen is killed although something is not",
			edits: []edit{{"internal/proctree/tree.go", "\terrs := []error{err}\n\tfor _, p := range found {\n\t\tif err := p.Signal(syscall.SIGKILL)", "\terrs := []error{err}\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\tfor _, p := range found {\n\t\tif err := p.Signal(syscall.SIGKILL)"}},
			tests: []string{"./internal/proctree -run=TestWhatIsSeenIsSignalled"},
		},
		{
			name: "fence-beside-without-leaving", protects: "fence: what runs beside a new gate without a lease is a loss, and the protection is done",
			edits: []edit{{"internal/podworkload/scan.go", "\tif w.cfg.LeaveAtOnce && !w.cfg.Kill {\n\t\tw.cfg.Leave()\n\t\treturn\n\t}\n", ""}},
			tests: []string{ignoredCase("asked_to_end_and_back_too_late")},
		},
	}
}
